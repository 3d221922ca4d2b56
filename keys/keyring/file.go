package keyring

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"filippo.io/age"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/session"
	"github.com/secr/secr/vault/local"
)

const (
	// DefaultWork is the work factor of a new file: 2^18 rounds of scrypt take
	// some 0.8 s and 256 MiB.
	DefaultWork = 18
	// maxWork is the most that a file can ask for: 1 GiB.
	maxWork = 20
	// SessionLife is how long a passphrase need not be given again.
	SessionLife = 12 * time.Hour

	maxFile     = 1024
	maxAttempts = 3
)

// Question is what a passphrase is asked for.
type Question struct {
	Profile string
	// New is true when the passphrase will seal a new file and should be asked
	// for twice.
	New bool
	// Attempt counts from 0; above that, the answer before was wrong.
	Attempt int
}

// Ask returns a passphrase. Who can't ask returns an error, which Load and Save
// then return: for want of a terminal, or because the one answer that there is
// was already wrong.
type Ask func(ctx context.Context, q Question) (keys.Secret, error)

// File keeps each seed in a file sealed with a passphrase, <profile>.age, which
// stock age opens too. Once opened it stays so for the login session, where the
// system has a memory for that.
type File struct {
	// Folder is created when it is first needed.
	Folder string
	// Ask gives the passphrase.
	Ask Ask
	// Work is the scrypt work factor of new files, 0 for [DefaultWork].
	Work int
	// Session is how long an opened file stays open; 0 asks each time.
	Session time.Duration
}

// Load implements [Store].
func (f File) Load(ctx context.Context, profile string) (keys.Seed, error) {
	s, err := f.load(ctx, profile)
	return s, fail(KindFile, profile, err)
}

func (f File) load(ctx context.Context, profile string) (keys.Seed, error) {
	sealed, err := f.read(ctx, profile)
	if err != nil {
		return keys.Seed{}, err
	}
	if f.Session > 0 {
		if b, err := session.Get(sessionName(sealed)); err == nil {
			defer clear(b)
			if s, err := keys.SeedFromBytes(b); err == nil {
				return s, nil
			}
		}
	}
	for attempt := range maxAttempts {
		passphrase, err := f.ask(ctx, Question{Profile: profile, Attempt: attempt})
		if err != nil {
			return keys.Seed{}, err
		}
		s, err := openFile(sealed, passphrase)
		if errors.Is(err, ErrPassphrase) {
			continue
		}
		if err == nil {
			f.remember(sealed, s)
		}
		return s, err
	}
	return keys.Seed{}, ErrPassphrase
}

// Save implements [Store].
func (f File) Save(ctx context.Context, profile string, s keys.Seed) error {
	return fail(KindFile, profile, f.save(ctx, profile, s))
}

func (f File) save(ctx context.Context, profile string, s keys.Seed) error {
	if _, err := f.read(ctx, profile); err == nil {
		return ErrExists
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	passphrase, err := f.ask(ctx, Question{Profile: profile, New: true})
	if err != nil {
		return err
	}
	sealed, err := f.seal(s, passphrase)
	if err != nil {
		return err
	}
	if err := local.MakeFolder(f.Folder); err != nil {
		return err
	}
	if err := create(f.path(profile), sealed); err != nil {
		return err
	}
	f.remember(sealed, s)
	return nil
}

// Delete implements [Store]. It forgets what the session remembers too.
func (f File) Delete(ctx context.Context, profile string) error {
	return fail(KindFile, profile, f.remove(ctx, profile))
}

func (f File) remove(ctx context.Context, profile string) error {
	sealed, err := f.read(ctx, profile)
	damaged := errors.Is(err, ErrDamaged)
	if err != nil && !damaged {
		return err
	}
	if !damaged {
		if err := session.Delete(sessionName(sealed)); err != nil {
			return err
		}
	}
	if err := (local.Disk{}).Remove(f.path(profile)); err != nil {
		return err
	}
	return local.Disk{}.SyncFolder(f.Folder)
}

func (f File) path(profile string) string { return filepath.Join(f.Folder, profile+".age") }

func (f File) read(ctx context.Context, profile string) ([]byte, error) {
	if err := checkProfile(profile); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sealed, err := local.ReadFile(f.path(profile), maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotFound
	case errors.Is(err, local.ErrTooLarge), errors.Is(err, local.ErrNotRegular):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return sealed, err
}

func (f File) ask(ctx context.Context, q Question) (keys.Secret, error) {
	if f.Ask == nil {
		return keys.Secret{}, fmt.Errorf("%w: nobody can be asked", ErrPassphrase)
	}
	passphrase, err := f.Ask(ctx, q)
	if err != nil {
		return keys.Secret{}, err
	}
	if passphrase.Len() == 0 {
		return keys.Secret{}, fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	return passphrase, nil
}

// remember is a courtesy: whoever can't be remembered is asked again.
func (f File) remember(sealed []byte, s keys.Seed) {
	if f.Session > 0 {
		_ = session.Put(sessionName(sealed), s.Reveal(), f.Session)
	}
}

// sessionName depends on the file's bytes, so that what was remembered of one
// file is never taken for another's, wherever it lies and whatever replaces it.
func sessionName(sealed []byte) string {
	sum := sha256.Sum256(sealed)
	return "seed:" + hex.EncodeToString(sum[:])
}

func (f File) seal(s keys.Seed, passphrase keys.Secret) ([]byte, error) {
	to, err := age.NewScryptRecipient(string(passphrase.Reveal()))
	if err != nil {
		return nil, ErrPassphrase
	}
	work := f.Work
	if work == 0 {
		work = DefaultWork
	}
	if work < 1 || work > maxWork {
		return nil, fmt.Errorf("keyring: a work factor of %d is not 1 to %d", work, maxWork)
	}
	to.SetWorkFactor(work)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	if err != nil {
		return nil, err
	}
	line := append(keys.FormatToken(s).Reveal(), '\n')
	defer clear(line)
	if _, err := w.Write(line); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

func openFile(sealed []byte, passphrase keys.Secret) (keys.Seed, error) {
	if !bytes.HasPrefix(sealed, []byte("age-encryption.org/v1\n-> scrypt ")) {
		return keys.Seed{}, fmt.Errorf("%w: not an age file with a passphrase", ErrDamaged)
	}
	i, err := age.NewScryptIdentity(string(passphrase.Reveal()))
	if err != nil {
		return keys.Seed{}, ErrPassphrase
	}
	i.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(bytes.NewReader(sealed), i)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return keys.Seed{}, ErrPassphrase
	}
	if err != nil {
		return keys.Seed{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxToken))
	defer clear(text)
	if err != nil {
		return keys.Seed{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return parseToken(text)
}

// create makes a file durably, all or nothing, and only if there is none: two
// logins at once must not lose one's seed.
func create(path string, data []byte) error {
	disk := local.Disk{}
	t, err := disk.CreateTemp(filepath.Dir(path))
	if err != nil {
		return err
	}
	if _, err := t.Write(data); err != nil {
		t.Discard()
		return err
	}
	if err := t.Sync(); err != nil {
		t.Discard()
		return err
	}
	err = disk.Link(t.Name(), path)
	t.Discard()
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	return disk.SyncFolder(filepath.Dir(path))
}
