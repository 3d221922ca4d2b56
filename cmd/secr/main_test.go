//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/secr/secr/keys/session"
)

// TestMain builds the program that the scripts run, as it is shipped, whatever
// the tests themselves are built with.
func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

func withProgram(m *testing.M) int {
	folder, err := os.MkdirTemp("", "secr-scripts-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	build := exec.Command("go", "build", "-tags", "secrtest", "-o", filepath.Join(folder, "secr"), "./secrtest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build secr for the scripts: %v\n%s", err, out)
		return 1
	}
	os.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	return m.Run()
}

// Every script runs the real program with a home folder, environment and
// temporary folder of its own. What the script needs and the machine lacks
// makes it skip, unless SECR_TEST_REQUIRE_ALL=1 is set.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               isolate,
		Condition:           condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"carry":    carry,
			"code":     code,
			"exactly":  exactly,
			"nowhere":  nowhere,
			"terminal": terminal,
		},
	})
}

// isolate keeps the machine's own settings out of a script.
func isolate(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, "home")
	temp := filepath.Join(e.WorkDir, ".tmp")
	for _, folder := range []string{home, temp} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	vars := []string{
		"PATH=" + e.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + temp, "USER=tester", "LANG=C.UTF-8",
		"WORK=" + e.WorkDir, "/=/", ":=:", "$=$", "exe=", "devnull=/dev/null",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"SECR_KEYRING=file", "SECR_PASSPHRASE=correct horse",
	}
	e.Vars = vars
	return nil
}

// code runs a program that must end with an exit code: `code 4 secr get NOPE`.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code number program [argument...]")
	}
	ts.Setenv("CODE", "")
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// exactly compares standard output with a file of the script less its final
// newline, which every file of a script has: `exactly file`.
func exactly(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: exactly file")
	}
	got, want := ts.ReadFile("stdout"), strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	if got != want {
		ts.Fatalf("standard output is %q, want %q", got, want)
	}
}

// condition knows [lacks:PROGRAM], [root] for who may give files away, and [session] for
// a login session that remembers. Under SECR_TEST_REQUIRE_ALL=1 nothing is lacking, so that the
// script runs and fails instead.
func condition(text string) (bool, error) {
	required := os.Getenv("SECR_TEST_REQUIRE_ALL") == "1"
	if program, ok := strings.CutPrefix(text, "lacks:"); ok {
		_, err := exec.LookPath(program)
		return err != nil && !required, nil
	}
	if text == "root" {
		return os.Geteuid() == 0, nil
	}
	if text == "session" {
		err := session.Put("scripts", []byte{1}, time.Minute)
		return err == nil || required, nil
	}
	return false, fmt.Errorf("unknown condition %q", text)
}

// nowhere searches folders, file contents and names, for texts that must not
// be there: `nowhere folder... -- text...`.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	folders, texts := args, []string(nil)
	for i, a := range args {
		if a == "--" {
			folders, texts = args[:i], args[i+1:]
		}
	}
	if neg || len(folders) == 0 || len(texts) == 0 {
		ts.Fatalf("usage: nowhere folder... -- text...")
	}
	for _, folder := range folders {
		err := filepath.WalkDir(ts.MkAbs(folder), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			content := ""
			if d.Type().IsRegular() {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				content = string(data)
			}
			for _, text := range texts {
				if strings.Contains(content, text) || strings.Contains(path, text) {
					ts.Fatalf("%s holds %q", path, text)
				}
			}
			return nil
		})
		ts.Check(err)
	}
}

// carry brings one person's vaults to another's home folder, as far as their owner's
// machine has them, without what is a machine's own: `carry ana ben`.
func carry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: carry from to")
	}
	from, to := filepath.Join(ts.Getenv("WORK"), args[0], ".local"), filepath.Join(ts.Getenv("WORK"), args[1], ".local")
	vaults, err := os.ReadDir(filepath.Join(from, "share", "secr"))
	ts.Check(err)
	for _, v := range vaults {
		repository := filepath.Join("share", "secr", v.Name())
		ts.Check(os.RemoveAll(filepath.Join(to, repository)))
		ts.Check(os.MkdirAll(filepath.Join(to, repository), 0o700))
		ts.Check(os.CopyFS(filepath.Join(to, repository), os.DirFS(filepath.Join(from, repository))))
		head, err := os.ReadFile(filepath.Join(from, "state", "secr", v.Name(), "head"))
		ts.Check(err)
		ts.Check(os.MkdirAll(filepath.Join(to, "state", "secr", v.Name()), 0o700))
		ts.Check(os.WriteFile(filepath.Join(to, "state", "secr", v.Name(), "head"), head, 0o600))
	}
}
