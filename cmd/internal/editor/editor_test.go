//go:build unix

package editor

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
)

func TestALineIsSplitAsAShellDoes(t *testing.T) {
	for line, want := range map[string][]string{
		"vi":                               {"vi"},
		"  code  --wait ":                  {"code", "--wait"},
		"emacsclient -t -a ''":             {"emacsclient", "-t", "-a", ""},
		`"/opt/My Editor/ed" -x`:           {"/opt/My Editor/ed", "-x"},
		`/opt/My\ Editor/ed`:               {"/opt/My Editor/ed"},
		`vim -c 'set tw=72 | set nu'`:      {"vim", "-c", "set tw=72 | set nu"},
		`a"b c"d'e f'`:                     {"ab cde f"},
		`a '\' "\"" "it's"`:                {"a", `\`, `"`, "it's"},
		`vim -c "let @a = '$(id) \$HOME'"`: {"vim", "-c", "let @a = '$(id) $HOME'"},
	} {
		got, err := split(line)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", line, err, diff)
		}
	}
	for _, line := range []string{`a "b`, `a 'b`, `a\`} {
		if words, err := split(line); err == nil {
			t.Errorf("%q gave %q", line, words)
		}
	}
}

func TestThePersonsOwnChoiceOfEditor(t *testing.T) {
	for name, c := range map[string]struct {
		env      map[string]string
		terminal bool
		want     []string // nil is a mistake
	}{
		"nothing said":          {nil, true, []string{"vi"}},
		"no terminal":           {nil, false, nil},
		"EDITOR":                {map[string]string{"EDITOR": "nano"}, false, []string{"nano"}},
		"VISUAL first":          {map[string]string{"EDITOR": "ed", "VISUAL": "emacs -nw"}, true, []string{"emacs", "-nw"}},
		"a dumb terminal":       {map[string]string{"EDITOR": "ed", "VISUAL": "emacs", "TERM": "dumb"}, true, []string{"ed"}},
		"dumb, and only VISUAL": {map[string]string{"VISUAL": "emacs", "TERM": "dumb"}, true, []string{"emacs"}},
		"blank":                 {map[string]string{"EDITOR": " "}, true, []string{"vi"}},
		"waits":                 {map[string]string{"EDITOR": "code -n -w"}, true, []string{"code", "-n", "-w"}},
		"does not wait":         {map[string]string{"EDITOR": "/usr/bin/code"}, true, nil},
		"goes behind":           {map[string]string{"EDITOR": "gvim"}, true, nil},
		"stays in front":        {map[string]string{"EDITOR": "gvim -f"}, true, []string{"gvim", "-f"}},
		"no command":            {map[string]string{"EDITOR": "vi '"}, true, nil},
		"an empty word":         {map[string]string{"EDITOR": "''"}, true, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Choose(func(name string) string { return c.env[name] }, c.terminal)
			if c.want == nil {
				if r := exit.Of(err); err == nil || r.Code != exit.Usage {
					t.Errorf("%v and %v, want a mistake", got, err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got.args); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestVimIsToldToKeepNothingUnderAnyName(t *testing.T) {
	folder := t.TempDir()
	vim := filepath.Join(folder, "vim.basic")
	if err := os.WriteFile(vim, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	vi := filepath.Join(folder, "vi")
	if err := os.Symlink(vim, vi); err != nil {
		t.Fatal(err)
	}
	for path, told := range map[string]bool{vi: true, vim: true, "/usr/bin/nvim": true, "/usr/bin/nano": false, filepath.Join(folder, "busybox"): false} {
		args := Command{[]string{"x", "-y"}}.with(path, "file")
		if slices.Contains(args, "-n") != told || args[0] != "x" || args[1] != "-y" || args[len(args)-1] != "file" {
			t.Errorf("%s: %q", path, args)
		}
	}
}

func TestWithoutMemoryTheTemporaryFolderIsUsedAndSaid(t *testing.T) {
	project, disk := t.TempDir(), t.TempDir()
	var said []string
	j := Job{Avoid: project, Warn: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
	j.System.Now = time.Now
	r, err := j.room([]place{{filepath.Join(disk, "missing"), true}, {project, true}, {disk, false}})
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(r.folder) != disk || len(said) != 1 || !strings.Contains(said[0], disk) {
		t.Errorf("%s, %q", r.folder, said)
	}
	if info, err := os.Stat(r.folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if err := r.clear(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(disk); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
	inside := filepath.Join(project, "tmp")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(disk, "link")
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{project, inside, link} {
		if r, err := j.room([]place{{p, false}}); err == nil {
			t.Errorf("a room %s in the project", r.folder)
		}
	}
}

// TestFilesAreOverwritten: what was in a file is gone from the file that somebody still
// holds open, not only from its folder.
func TestFilesAreOverwritten(t *testing.T) {
	r, err := newRoom(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.write("f", []byte("plain text")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.folder, "f")
	first, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := os.Rename(path, path+"~"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("new text"), 0o400); err != nil {
		t.Fatal(err)
	}
	second, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := r.clear(); err != nil {
		t.Fatal(err)
	}
	for f, size := range map[*os.File]int{first: 10, second: 8} {
		got := make([]byte, 100)
		n, _ := f.Read(got)
		if diff := cmp.Diff(make([]byte, size), got[:n]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestALivingRoomIsNotSwept(t *testing.T) {
	parent := t.TempDir()
	make := func(text string) *room {
		r, err := newRoom(parent, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.write("f", []byte(text)); err != nil {
			t.Fatal(err)
		}
		return r
	}
	living, dead, fresh := make("living"), make("dead"), make("fresh")
	for _, r := range []*room{dead, fresh} {
		if err := r.lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for _, r := range []*room{living, dead} {
		if err := os.Chtimes(r.folder, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	sweep(parent, now)
	for r, there := range map[*room]bool{living: true, dead: false, fresh: true} {
		if _, err := os.Stat(filepath.Join(r.folder, "f")); (err == nil) != there {
			t.Errorf("%v, want there: %v", err, there)
		}
	}
}

// TestAnEditorThatWillNotEndIsKilled.
func TestAnEditorThatWillNotEndIsKilled(t *testing.T) {
	cmd := exec.Command("sh", "-c", `trap "" TERM; echo ready; exec tail -f /dev/null`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ended, stop := make(chan error, 1), make(chan os.Signal, 1)
	go func() { ended <- cmd.Wait() }()
	stop <- syscall.SIGTERM
	if err := (Job{}).wait(t.Context(), cmd, ended, stop); !errors.Is(err, term.ErrInterrupted) {
		t.Error(err)
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", status)
	}
}
