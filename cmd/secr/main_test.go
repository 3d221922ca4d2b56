package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"secr": main})
}

// Every script runs the real program with a home folder, environment and
// temporary folder of its own. What the script needs and the machine lacks
// makes it skip, unless SECR_TEST_REQUIRE_ALL=1 is set.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               isolate,
		Condition:           lacks,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":    code,
			"nowhere": nowhere,
		},
	})
}

// isolate keeps the machine's own settings out of a script. The passphrase
// file is sealed with little work: its strength is not what scripts test.
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
		"SECR_KEYRING=file", "SECR_PASSPHRASE=correct horse", "SECR_TEST_WORK=1",
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

// lacks is the condition [lacks:PROGRAM]. It is never true under
// SECR_TEST_REQUIRE_ALL=1, so that the script runs and fails instead.
func lacks(condition string) (bool, error) {
	program, ok := strings.CutPrefix(condition, "lacks:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", condition)
	}
	_, err := exec.LookPath(program)
	return err != nil && os.Getenv("SECR_TEST_REQUIRE_ALL") != "1", nil
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
