//go:build windows

package remote

import (
	"io/fs"
	"os"
	"os/exec"
)

const gitProgram = "git.exe"

const noWait = 0

// tryLock gets nothing: nobody tells boots apart here, see bootID.
func tryLock(*os.File) (bool, error) { return false, nil }

func isProgram(info fs.FileInfo) bool { return info.Mode().IsRegular() }

// detach leaves git in the console it was started from; ending it ends its pipes.
func detach(*exec.Cmd, Prompt) {}

func finish(*exec.Cmd) {}

// syncDir has nothing to do: Windows writes the names of a folder by itself.
func syncDir(string) error { return nil }
