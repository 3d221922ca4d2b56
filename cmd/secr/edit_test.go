//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plainText lists the files that hold a value, wherever an edit may put one: the folders
// of secr, of the user, of the project, for temporary files and in memory.
func plainText(t *testing.T, m *machine, value string) []string {
	t.Helper()
	var out []string
	for _, root := range []string{m.home, filepath.Dir(m.project), "/dev/shm"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				return nil // of another program, and on its way
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return nil // the same
			}
			defer f.Close()
			head, err := io.ReadAll(io.LimitReader(f, 1<<20))
			if err == nil && bytes.Contains(head, []byte(value)) {
				out = append(out, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// editing starts an edit of A whose editor leaves copies all over its folder, as editors
// do, says that it did, and then goes on as the script says. It returns the editor's
// process id, too.
func editing(t *testing.T, m *machine, script string) (secr *exec.Cmd, editor int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ed.sh")
	copies := "cp \"$1\" .value.txt.swp; cp \"$1\" value.txt~; mkdir -p a/b; cp \"$1\" a/b/c; ln \"$1\" link; echo $$ ready >&2\n"
	if err := os.WriteFile(file, []byte(copies+script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := m.command("edit", "A")
	cmd.Env = append(cmd.Env, "EDITOR=sh "+file)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if id, ok := strings.CutSuffix(lines.Text(), " ready"); ok {
			editor, err = strconv.Atoi(id)
			if err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, said)
			return cmd, editor
		}
	}
	t.Fatalf("the editor was not started: %v", cmd.Wait())
	return nil, 0
}

// stays is an editor that waits for what never comes.
const stays = "exec tail -f /dev/null\n"

func TestAnEditLeavesNoPlainText(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		signal syscall.Signal // sent to secr while the editor runs
		code   int
		added  string
	}{
		"done":             {"echo more >>\"$1\"", 0, 0, "\nmore"},
		"replaced":         {"cp \"$1\" new; mv new \"$1\"; echo more >>\"$1\"", 0, 0, "\nmore"},
		"unchanged":        {"", 0, 0, ""},
		"failed":           {"exit 7", 0, 1, ""},
		"crashed":          {"kill -SEGV $$", 0, 1, ""},
		"all made fixed":   {"chmod 400 * .value.txt.swp a/b/c; chmod 500 a a/b .", 0, 0, ""},
		"terminated":       {stays, syscall.SIGTERM, 130, ""},
		"hung up":          {stays, syscall.SIGHUP, 130, ""},
		"saved, then told": {"echo changed >\"$1\"; trap 'exit 0' TERM; while :; do :; done", syscall.SIGTERM, 130, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, t.TempDir())
			value := rand.Text()
			m.setFromPipe(t, "A", value)
			secr, _ := editing(t, m, c.script)
			if c.signal != 0 {
				if found := plainText(t, m, value); len(found) == 0 {
					t.Error("the search finds nothing even while the editor runs")
				}
				if err := secr.Process.Signal(c.signal); err != nil {
					t.Fatal(err)
				}
			}
			_ = secr.Wait()
			if code := secr.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if found := plainText(t, m, value); len(found) > 0 {
				t.Errorf("plain text is left in %q", found)
			}
			got, err := m.secr("get", "A")
			if err != nil || got != value+c.added {
				t.Errorf("A is %q (%v), want %q", got, err, value+c.added)
			}
		})
	}
}

// TestTheNextEditClearsAwayAfterAKilledOne: nobody can clean up after kill -9 at once.
func TestTheNextEditClearsAwayAfterAKilledOne(t *testing.T) {
	m := newMachine(t, t.TempDir())
	value := rand.Text()
	m.setFromPipe(t, "A", value)
	secr, editor := editing(t, m, stays)
	if err := secr.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = secr.Wait()
	if err := syscall.Kill(editor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	found := plainText(t, m, value)
	if len(found) == 0 {
		t.Fatal("nothing is left, so nothing is shown")
	}
	room := found[0]
	for !strings.HasPrefix(filepath.Base(room), "secr-edit-") {
		if room = filepath.Dir(room); room == "/" {
			t.Fatalf("plain text is left in %q", found)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(room, old, old); err != nil {
		t.Fatal(err)
	}
	next, _ := editing(t, m, "true")
	_ = next.Wait()
	if found := plainText(t, m, value); len(found) > 0 {
		t.Errorf("plain text is left in %q", found)
	}
}

// setFromPipe sets a secret without its value on a command line.
func (m *machine) setFromPipe(t *testing.T, name, value string) {
	t.Helper()
	cmd := m.command("set", name)
	cmd.Stdin = strings.NewReader(value)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
