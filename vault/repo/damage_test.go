package repo

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readsTruthOrFails reads objects from a repository whose files somebody has
// changed: each is what it was, or an error.
func readsTruthOrFails(t *testing.T, folder string, truth map[Hash]string, what string) (failed int) {
	t.Helper()
	r, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for h, want := range truth {
		k, data, err := r.read(h, objectLimit)
		switch {
		case err != nil:
			failed++
		case k.String()+string(data) != want:
			t.Errorf("%s: object %v is read as something else", what, h)
		}
	}
	return failed
}

func TestEveryFlippedByteOfAPackIsSeen(t *testing.T) {
	r := testRepo(t)
	history(t, r, Hash{}, map[string]string{}, 1, 3, 5)
	git(t, r, "repack", "-adfq")
	truth := everyObject(t, r)
	files, err := filepath.Glob(filepath.Join(r.Dir(), "objects/pack/pack-*"))
	if err != nil {
		t.Fatal(err)
	}
	step := 13
	if os.Getenv("SECR_TEST_LONG") == "1" {
		step = 1
	}
	for _, path := range files {
		if ext := filepath.Ext(path); ext != ".pack" && ext != ".idx" {
			continue
		}
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(good); i += step {
			bad := bytes.Clone(good)
			bad[i] ^= byte(1 + i%255)
			write(t, path, string(bad))
			readsTruthOrFails(t, r.Dir(), truth, fmt.Sprintf("%s byte %d", filepath.Ext(path), i))
		}
		for i := 0; i < len(good); i += 1 + len(good)/40 {
			write(t, path, string(good[:i]))
			if readsTruthOrFails(t, r.Dir(), truth, fmt.Sprintf("%s cut at %d", filepath.Ext(path), i)) == 0 {
				t.Errorf("%s cut at %d is read whole", filepath.Ext(path), i)
			}
		}
		write(t, path, string(good))
	}
	if readsTruthOrFails(t, r.Dir(), truth, "mended") != 0 {
		t.Error("the good files are not read")
	}
}

func TestEveryFlippedByteOfALooseObjectIsSeen(t *testing.T) {
	r := testRepo(t)
	for _, content := range []string{"a value that is stored as it is", "{\"compressed\": \"compressed compressed compressed\"}"} {
		b := r.Batch()
		h := b.Blob([]byte(content))
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		path := r.store.loosePath(h)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			for bit := range 8 {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << bit
				write(t, path, string(bad))
				if got, err := r.Blob(h); err == nil && string(got) != content {
					t.Errorf("byte %d bit %d: %q", i, bit, got)
				}
			}
			write(t, path, string(good[:i]))
			if _, err := r.Blob(h); !errors.Is(err, ErrDamaged) {
				t.Errorf("cut at %d: %v", i, err)
			}
		}
		// Writing it again heals it.
		if b.Blob([]byte(content)) != h {
			t.Fatal("another hash")
		}
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Blob(h); err != nil || string(got) != content {
			t.Errorf("%q %v", got, err)
		}
	}
}

func looseObject(header, content string) string {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	z.Write([]byte(header + "\x00" + content))
	z.Close()
	return out.String()
}

func TestALooseObjectUnderAnotherNameIsRefused(t *testing.T) {
	r := testRepo(t)
	h := BlobHash([]byte("wanted"))
	for name, c := range map[string]struct {
		file string
		want error
	}{
		"another object":  {looseObject("blob 5", "other"), ErrDamaged},
		"longer":          {looseObject("blob 6", "wanted and more"), ErrDamaged},
		"shorter":         {looseObject("blob 60", "wanted"), ErrDamaged},
		"says it is huge": {looseObject("blob 999999999999", "wanted"), ErrTooLarge},
		"over the limit":  {looseObject(fmt.Sprintf("blob %d", objectLimit+1), strings.Repeat("\x00", objectLimit+1)), ErrTooLarge},
		"bomb":            {looseObject("blob 6", strings.Repeat("\x00", 16<<20)), ErrDamaged},
		"no header":       {looseObject("", ""), ErrDamaged},
		"long header":     {looseObject(strings.Repeat("b", 1000), ""), ErrDamaged},
		"zero in front":   {looseObject("blob 06", "wanted"), ErrDamaged},
		"negative":        {looseObject("blob -6", "wanted"), ErrDamaged},
		"other kind":      {looseObject("delta 6", "wanted"), ErrDamaged},
		"no zlib":         {"wanted", ErrDamaged},
		"empty":           {"", ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, r.store.loosePath(h), c.file)
			if got, err := r.Blob(h); !errors.Is(err, c.want) {
				t.Errorf("%q %v", got, err)
			}
		})
	}
	write(t, r.store.loosePath(h), looseObject("blob 6", "wanted"))
	if got, err := r.Blob(h); err != nil || string(got) != "wanted" {
		t.Errorf("%q %v", got, err)
	}
}

func TestAWholeCopyIsFoundBehindADamagedOne(t *testing.T) {
	r := testRepo(t)
	b := r.Batch()
	h := b.Blob([]byte("value"))
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.objects[h] = object{kindBlob, []byte("value")}
	other := b.Blob([]byte("more"))
	if err := r.write(t.Context(), []Hash{h, other}, b.objects); err != nil {
		t.Fatal(err)
	}
	names, err := packNames(r.store.packFolder())
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	pack, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, names[0], strings.Replace(string(pack), "value", "VALUE", 1))
	if got, err := r.Blob(h); err != nil || string(got) != "value" {
		t.Errorf("%q %v", got, err)
	}
}

func TestWhatIsReadIsTheCallersOwn(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	c := history(t, r, Hash{}, files, 1, 30, 5)
	git(t, r, "repack", "-adfq")
	for range 3 {
		got := allFiles(t, r, treeOf(t, r, c))
		if d := cmp.Diff(files, got); d != "" {
			t.Fatal(d)
		}
		for h := range everyObject(t, r) {
			_, data, err := r.read(h, objectLimit)
			if err != nil {
				t.Fatal(err)
			}
			clear(data)
		}
	}
}

func TestMendRemovesWhatACrashLeft(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	c := history(t, r, Hash{}, files, 1, 5, 5)
	git(t, r, "repack", "-adfq")
	c = history(t, r, c, files, 6, 3, 6)
	truth := everyObject(t, r)
	names, err := packNames(r.store.packFolder())
	if err != nil {
		t.Fatal(err)
	}
	pack := func(name string) string { return filepath.Join(r.Dir(), "objects/pack", name) }
	leftovers := map[string]string{
		r.store.loosePath(Hash{1}):                         "",
		r.Dir() + "/objects/01/.secr-tmp-0123":             "half",
		r.Dir() + "/objects/01/tmp_obj_x":                  "half",
		pack(".secr-tmp-0123"):                             "PACK",
		pack("tmp_pack_x"):                                 "PACK",
		pack("tmp_idx_x"):                                  "x",
		pack(".tmp-123-pack-x.pack"):                       "x",
		pack("pack-" + strings.Repeat("1", 40) + ".pack"):  "PACK\x00\x00\x00\x02\x00\x00",
		pack("pack-" + strings.Repeat("2", 40) + ".idx"):   "",
		pack("pack-" + strings.Repeat("2", 40) + ".rev"):   "x",
		r.Dir() + "/packed-refs.lock":                      "",
		r.Dir() + "/HEAD.lock":                             "",
		r.Dir() + "/refs/heads/secr/vault.lock":            "",
		r.Dir() + "/refs/heads/secr/.secr-tmp-1":           "",
		r.Dir() + "/quarantine/0123/objects/pack/tmp_pack": "x",
		r.Dir() + "/quarantine/stray":                      "x",
	}
	for path, content := range leftovers {
		write(t, path, content)
	}
	// A whole pack whose index is lost, and one whose index is damaged.
	if err := os.Remove(strings.TrimSuffix(names[0], ".pack") + ".idx"); err != nil {
		t.Fatal(err)
	}
	write(t, strings.TrimSuffix(names[1], ".pack")+".idx", "nonsense")
	live := quarantine(t, r)
	defer live.Discard()

	fresh, err := OpenOn(unsynced(), r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	done, err := fresh.Mend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(done.Indexed) != 2 {
		t.Errorf("indexed %v", done.Indexed)
	}
	for path := range leftovers {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there", path)
		}
	}
	if _, err := os.Stat(live.Dir()); err != nil {
		t.Error("a quarantine in use was removed")
	}
	if d := cmp.Diff(truth, everyObject(t, fresh)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(files, allFiles(t, fresh, treeOf(t, fresh, c))); d != "" {
		t.Error(d)
	}
	fsck(t, fresh)
	if done, err = fresh.Mend(t.Context()); err != nil || len(done.Removed)+len(done.Indexed) != 0 {
		t.Errorf("mending twice: %v %v", done, err)
	}
}
