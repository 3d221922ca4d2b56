package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func put(t *testing.T, path, content string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWriteFileReplacesAndIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"one", "", "three"} {
		if err := WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != content {
			t.Errorf("%q", got)
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Error(fi.Mode(), err)
		}
	}
	if d := cmp.Diff([]string{"f"}, names(t, filepath.Dir(path))); d != "" {
		t.Error(d)
	}
}

func TestAFullDiskAtAnyStepOfWriteFileLeavesTheOldContent(t *testing.T) {
	for step := 1; ; step++ {
		folder := t.TempDir()
		path := put(t, filepath.Join(folder, "f"), "old", 0o600)
		n := 0
		disk := Traced(func(Op) error {
			if n++; n == step {
				return syscall.ENOSPC
			}
			return nil
		})
		err := disk.WriteFile(path, []byte("new"))
		if err == nil {
			if n != 5 {
				t.Errorf("WriteFile took %d steps: create, write, sync, rename, syncdir are 5", n)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		// After the rename the new content is there, only not surely on the disk.
		if got := read(t, path); got != "old" && (step < 5 || got != "new") {
			t.Errorf("step %d left %q", step, got)
		}
		if d := cmp.Diff([]string{"f"}, names(t, folder)); d != "" {
			t.Errorf("step %d: %s", step, d)
		}
	}
}

func TestTheContentIsOnTheDiskBeforeItHasItsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var kinds []OpKind
	disk := Traced(func(op Op) error {
		kinds = append(kinds, op.Kind)
		return nil
	})
	if err := disk.WriteFile(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]OpKind{OpCreate, OpWrite, OpSync, OpRename, OpSyncFolder}, kinds); d != "" {
		t.Error(d)
	}
}

func TestWriteFileDoesNotFollowALink(t *testing.T) {
	folder := t.TempDir()
	victim := put(t, filepath.Join(folder, "victim"), "precious", 0o600)
	link := filepath.Join(folder, "f")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, []byte("x")); !errors.Is(err, ErrSymlink) {
		t.Error(err)
	}
	if got := read(t, victim); got != "precious" {
		t.Error(got)
	}
}

func TestOldTemporaryFilesAreSweptAndFreshOnesStay(t *testing.T) {
	folder := t.TempDir()
	old := put(t, filepath.Join(folder, tempPrefix+"old"), "x", 0o600)
	put(t, filepath.Join(folder, tempPrefix+"fresh"), "x", 0o600)
	put(t, filepath.Join(folder, "mine"), "x", 0o600)
	past := time.Now().Add(-2 * tempLife)
	for _, p := range []string{old, filepath.Join(folder, "mine")} {
		if err := os.Chtimes(p, past, past); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(filepath.Join(folder, "f"), nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{tempPrefix + "fresh", "f", "mine"}, names(t, folder)); d != "" {
		t.Error(d)
	}
}

func TestReadFileRefusesWhatIsNotOurs(t *testing.T) {
	folder := t.TempDir()
	good := put(t, filepath.Join(folder, "good"), "12345678", 0o600)
	link := filepath.Join(folder, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(folder, "dangling")
	if err := os.Symlink(filepath.Join(folder, "none"), dangling); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(folder, "pipe")
	makePipe(t, pipe)
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"link":     {link, ErrSymlink},
		"dangling": {dangling, ErrSymlink},
		"folder":   {folder, ErrNotRegular},
		"pipe":     {pipe, ErrNotRegular},
		"large":    {put(t, filepath.Join(folder, "large"), "123456789", 0o600), ErrTooLarge},
		"missing":  {filepath.Join(folder, "none"), fs.ErrNotExist},
		"device":   {"/dev/zero", ErrNotRegular},
		"endless":  {"/dev/full", ErrNotRegular},
		"good":     {good, nil},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := ReadFile(c.path, 8)
			if !errors.Is(err, c.want) {
				t.Error(err)
			}
			if c.want == nil && string(data) != "12345678" {
				t.Errorf("%q", data)
			}
			if c.want != nil && data != nil {
				t.Errorf("%q came along", data)
			}
			if c.want != nil && !strings.Contains(err.Error(), c.path) {
				t.Errorf("%q doesn't name the file", err)
			}
		})
	}
}

func TestReadFileRefusesAnotherUsersFile(t *testing.T) {
	path := foreignFile(t, filepath.Join(t.TempDir(), "f"))
	if _, err := ReadFile(path, 8); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	if err := CheckOwner(path); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

func TestASharedFileMayBeOpenToOthers(t *testing.T) {
	folder := t.TempDir()
	path := put(t, filepath.Join(folder, "f"), "12345678", 0o664)
	if text, err := ReadShared(path, 8); err != nil || text != "12345678" {
		t.Errorf("%q %v", text, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o664 {
		t.Error(fi.Mode(), err)
	}
	if _, err := ReadShared(path, 7); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	pipe, link := filepath.Join(folder, "pipe"), filepath.Join(folder, "link")
	makePipe(t, pipe)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{pipe: ErrNotRegular, folder: ErrNotRegular, link: ErrSymlink, path + "x": fs.ErrNotExist} {
		if _, err := ReadShared(path, 8); !errors.Is(err, want) {
			t.Error(path, err)
		}
	}
	if _, err := ReadShared(foreignFile(t, filepath.Join(folder, "foreign")), 8); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

func TestAFileThatGrowsWhileItIsReadIsReadWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, size := range []int{0, 1, 511, 512, 513, 2000} {
		put(t, path, strings.Repeat("x", size), 0o600)
		p, err := OpenPlain(path)
		if err != nil {
			t.Fatal(err)
		}
		grown := strings.Repeat("y", size+3000)
		put(t, path, grown, 0o600)
		if data, err := p.readAll(1 << 20); err != nil || string(data) != grown {
			t.Errorf("%d bytes at first: %d, %v", size, len(data), err)
		}
		if _, err := p.readAll(int64(len(grown) - 1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes at first: %v", size, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReadFileClosesAFileThatOthersCouldWrite(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "f"), "x", 0o666)
	if _, err := ReadFile(path, 8); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Error(fi.Mode(), err)
	}
}

func TestMakeFolderIsPrivate(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	open := filepath.Join(root, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(root, "elsewhere")
	if err := os.Symlink(open, mine); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{deep, open, mine, deep} {
		if err := MakeFolder(path); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != 0o700 {
			t.Error(path, fi.Mode(), err)
		}
	}
	file := put(t, filepath.Join(root, "file"), "", 0o600)
	if err := MakeFolder(file); !errors.Is(err, ErrNotFolder) {
		t.Error(err)
	}
	if err := MakeFolder(foreignFolder(t, filepath.Join(root, "foreign"))); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

func TestALinkThatAnotherUserMadeIsNoFolder(t *testing.T) {
	root := t.TempDir()
	link := filepath.Join(root, "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	giveAway(t, link)
	if err := MakeFolder(link); !errors.Is(err, ErrSymlink) {
		t.Error(err)
	}
}

func TestTracedFolderStepsCanFail(t *testing.T) {
	full := Traced(func(op Op) error {
		if op.Kind == OpMakeFolder {
			return syscall.ENOSPC
		}
		return nil
	})
	if err := full.MakeFolder(filepath.Join(t.TempDir(), "x")); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}
