package keyring_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/keyring"
	"github.com/secr/secr/keys/session"
)

const quick = 1 // work factor

// says always gives the same passphrase, and counts.
func says(passphrase string, asked *[]keyring.Question) keyring.Ask {
	return func(_ context.Context, q keyring.Question) (keys.Secret, error) {
		if asked != nil {
			*asked = append(*asked, q)
		}
		return keys.NewSecret([]byte(passphrase)), nil
	}
}

func file(t *testing.T, ask keyring.Ask) keyring.File {
	t.Helper()
	return keyring.File{Folder: filepath.Join(t.TempDir(), "identities"), Ask: ask, Work: quick}
}

func TestMemoryConforms(t *testing.T) {
	conform(t, func(*testing.T) keyring.Store { return keyring.NewMemory() })
}

func TestFileConforms(t *testing.T) {
	conform(t, func(t *testing.T) keyring.Store { return file(t, says("pass phrase", nil)) })
}

func TestFileWithSessionConforms(t *testing.T) {
	conform(t, func(t *testing.T) keyring.Store {
		f := file(t, says("pass phrase", nil))
		f.Session = time.Minute
		return f
	})
}

func TestFileIsWhatStockAgeOpens(t *testing.T) {
	f, seed := file(t, says("correct horse", nil)), keys.NewSeed()
	save(t, f, "work", seed)
	sealed := read(t, f)
	if bytes.Contains(sealed, seed.Reveal()) || bytes.Contains(sealed, []byte("secrtok")) {
		t.Error("the seed is in clear")
	}
	i, err := age.NewScryptIdentity("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), i)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(keys.FormatToken(seed).Reveal())+"\n", string(text)); d != "" {
		t.Error("not a token")
	}
}

func read(t *testing.T, f keyring.File) []byte {
	t.Helper()
	sealed, err := os.ReadFile(filepath.Join(f.Folder, "work.age"))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestFileIsPrivateAndDeletedWhole(t *testing.T) {
	f := file(t, says("p", nil))
	save(t, f, "work", keys.NewSeed())
	for path, want := range map[string]os.FileMode{f.Folder: 0o700, filepath.Join(f.Folder, "work.age"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s is %v", path, info.Mode())
		}
	}
	if err := f.Delete(context.Background(), "work"); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(f.Folder)
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestWrongPassphraseIsAskedAgainButNotForEver(t *testing.T) {
	var asked []keyring.Question
	f, seed := file(t, says("right", nil)), keys.NewSeed()
	save(t, f, "work", seed)
	f.Ask = says("wrong", &asked)
	wants(t, f, "work", keyring.ErrPassphrase)
	want := []keyring.Question{{Profile: "work"}, {Profile: "work", Attempt: 1}, {Profile: "work", Attempt: 2}}
	if d := cmp.Diff(want, asked); d != "" {
		t.Error(d)
	}
	f.Ask = func(_ context.Context, q keyring.Question) (keys.Secret, error) {
		return keys.NewSecret([]byte([]string{"wrong", "right"}[q.Attempt])), nil
	}
	same(t, f, "work", seed)
}

func TestNewFileAsksOnceForANewPassphrase(t *testing.T) {
	var asked []keyring.Question
	f := file(t, says("p", &asked))
	save(t, f, "work", keys.NewSeed())
	if d := cmp.Diff([]keyring.Question{{Profile: "work", New: true}}, asked); d != "" {
		t.Error(d)
	}
}

func TestNoPassphraseKeepsNothing(t *testing.T) {
	refused := errors.New("no terminal")
	for name, ask := range map[string]keyring.Ask{
		"nobody": nil,
		"empty":  says("", nil),
		"error":  func(context.Context, keyring.Question) (keys.Secret, error) { return keys.Secret{}, refused },
	} {
		f := file(t, ask)
		err := f.Save(context.Background(), "work", keys.NewSeed())
		if !errors.Is(err, keyring.ErrPassphrase) && !errors.Is(err, refused) {
			t.Errorf("%s: %v", name, err)
		}
		if entries, _ := os.ReadDir(f.Folder); len(entries) > 0 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
}

// Every byte of the file, and its length: never another seed, never a panic.
func TestDamagedFileIsNeverASeed(t *testing.T) {
	f := file(t, says("p", nil))
	save(t, f, "work", keys.NewSeed())
	path, good := filepath.Join(f.Folder, "work.age"), read(t, f)
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := f.Load(context.Background(), "work")
		if !errors.Is(err, keyring.ErrDamaged) && !errors.Is(err, keyring.ErrPassphrase) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1
		if bytes.Contains(b, []byte(" 1\n")) { // another work factor would only take long
			try("a byte changed", b)
		}
		try("cut", good[:i])
	}
	try("longer", append(bytes.Clone(good), 0))
	try("large", make([]byte, 5000))
	try("too much work", bytes.Replace(good, []byte(" 1\n"), []byte(" 30\n"), 1))
	try("no token inside", sealedText(t, "not a token\n"))
	if err := f.Delete(context.Background(), "work"); err != nil {
		t.Errorf("a damaged file can't be deleted: %v", err)
	}
	wants(t, f, "work", keyring.ErrNotFound)
}

func sealedText(t *testing.T, text string) []byte {
	t.Helper()
	to, err := age.NewScryptRecipient("p")
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(quick)
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSymlinkIsNotReadAsAFileOfOurs(t *testing.T) {
	f, other := file(t, says("p", nil)), file(t, says("p", nil))
	save(t, f, "work", keys.NewSeed())
	if err := os.MkdirAll(other.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(f.Folder, "work.age"), filepath.Join(other.Folder, "work.age")); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Load(context.Background(), "work"); err == nil {
		t.Error("followed")
	}
}

// needSession skips where the kernel keeps nothing.
func needSession(t *testing.T) {
	t.Helper()
	var b [8]byte
	rand.Read(b[:])
	name := "test:" + hex.EncodeToString(b[:])
	if err := session.Put(name, []byte("x"), time.Minute); err != nil {
		if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err := session.Delete(name); err != nil {
		t.Fatal(err)
	}
}

func TestPassphraseIsAskedOncePerSession(t *testing.T) {
	needSession(t)
	var asked []keyring.Question
	ctx := context.Background()
	f, seed := file(t, says("p", &asked)), keys.NewSeed()
	f.Session = time.Minute
	save(t, f, "work", seed)
	for range 3 {
		same(t, f, "work", seed)
	}
	if len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
	without := f
	without.Session = 0
	same(t, without, "work", seed)
	if len(asked) != 2 {
		t.Errorf("without a session: asked %d times", len(asked))
	}
	sealed := read(t, f)
	if err := f.Delete(ctx, "work"); err != nil {
		t.Fatal(err)
	}
	// The very same file again: what was remembered of it must be gone.
	if err := os.WriteFile(filepath.Join(f.Folder, "work.age"), sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, f, "work", seed)
	if len(asked) != 3 {
		t.Errorf("after Delete: asked %d times", len(asked))
	}
	if err := f.Delete(ctx, "work"); err != nil {
		t.Fatal(err)
	}
}

func TestReplacedFileIsNotOpenedFromMemory(t *testing.T) {
	needSession(t)
	a, b := file(t, says("a", nil)), file(t, says("b", nil))
	a.Session = time.Minute
	save(t, a, "work", keys.NewSeed())
	seed := keys.NewSeed()
	save(t, b, "work", seed)
	old := read(t, a)
	if err := os.WriteFile(filepath.Join(a.Folder, "work.age"), read(t, b), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, a, "work", keyring.ErrPassphrase)
	if err := os.WriteFile(filepath.Join(a.Folder, "work.age"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Delete(context.Background(), "work"); err != nil {
		t.Fatal(err)
	}
}

func TestTokenIsOneReadOnlyIdentity(t *testing.T) {
	ctx, seed := context.Background(), keys.NewSeed()
	text := string(keys.FormatToken(seed).Reveal())
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, err := keyring.TokenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]keyring.Store{
		"text": keyring.NewToken(keys.NewSecret([]byte(text))),
		"line": keyring.NewToken(keys.NewSecret([]byte(text + "\n"))),
		"file": fromFile, "descriptor": fromDescriptor(t, text),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, s, "work", seed)
			same(t, s, "other", seed)
			if err := s.Save(ctx, "work", seed); !errors.Is(err, keyring.ErrReadOnly) {
				t.Error(err)
			}
			if err := s.Delete(ctx, "work"); !errors.Is(err, keyring.ErrReadOnly) {
				t.Error(err)
			}
		})
	}
}

func fromDescriptor(t *testing.T, text string) keyring.Token {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.WriteString(w, text+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	token, err := keyring.TokenDescriptor(dup(t, r))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestWrongTokenIsNeverQuoted(t *testing.T) {
	good := string(keys.FormatToken(keys.NewSeed()).Reveal())
	for name, text := range map[string]string{
		"cut": good[:40], "two line ends": good + "\n\n", "space": " " + good, "check": good[:len(good)-8] + "aaaaaaaa", "words": "hunter2hunter2hunter2",
	} {
		_, err := keyring.NewToken(keys.NewSecret([]byte(text))).Load(context.Background(), "work")
		if !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), text[len(text)-10:]) {
			t.Errorf("%s: quoted", name)
		}
	}
	wants(t, keyring.NewToken(keys.Secret{}), "work", keyring.ErrNotFound)
	if _, err := keyring.TokenFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.TokenFile(large); !errors.Is(err, keyring.ErrDamaged) {
		t.Error(err)
	}
}
