package snapshot

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secr/secr/keys"
)

// ErrTooLarge says that an environment does not fit into a snapshot. It is then
// read from the vault each time.
var ErrTooLarge = errors.New("snapshot: too large")

// Seal returns the file of a snapshot. The order of secrets does not matter; two
// of one name are an error.
func Seal(root keys.Key, at Place, settings Settings, secrets []Secret) ([]byte, error) {
	empty := Snapshot{key: keys.NewKey()}
	return empty.Update(root, at, settings, secrets, nil)
}

// stamp returns header and lock of a new file, with room for more bytes.
func stamp(root keys.Key, at Place, settings Settings, key keys.Key, body, more int) []byte {
	lock := lockBytes(key, settings)
	defer clear(lock)
	h := header{salt: make([]byte, saltSize), seq: at.Seq, sum: at.Sum, lock: len(lock) + keys.Overhead, body: body}
	rand.Read(h.salt) // never fails: it ends the program instead
	head := h.bytes()
	sealed := keys.Seal(fileKey(root, h.salt, at), append([]byte(adLock), head...), lock)
	out := make([]byte, 0, len(head)+len(sealed)+more)
	return append(append(out, head...), sealed...)
}

// Restamp returns file, a snapshot at one place, as one at another: for a change
// that left the environment's secrets as they were. Nothing but a small header
// is decrypted or sealed.
func Restamp(file []byte, root keys.Key, from, to Place, settings Settings) ([]byte, error) {
	if from.Vault != to.Vault || from.Environment != to.Environment {
		return nil, ErrStale
	}
	h, err := parseHeader(file)
	if err != nil {
		return nil, err
	}
	if h.seq != from.Seq || h.sum != from.Sum {
		return nil, fmt.Errorf("%w: it is of change %d", ErrStale, h.seq)
	}
	if len(file) < headerSize+h.lock+h.body {
		return nil, fmt.Errorf("%w: cut short", ErrDamaged)
	}
	ad := append([]byte(adLock), file[:headerSize]...)
	lock, err := keys.Open(fileKey(root, h.salt, from), ad, file[headerSize:headerSize+h.lock])
	if err != nil {
		return nil, fmt.Errorf("%w: its lock does not open", ErrDamaged)
	}
	defer clear(lock)
	key, _, err := parseLock(lock)
	if err != nil {
		return nil, err
	}
	rest := file[headerSize+h.lock:]
	return append(stamp(root, to, settings, key, h.body, len(rest)), rest...), nil
}

// Path is where the snapshot of an environment lies in a vault's cache folder.
func Path(folder, environment string) string {
	return filepath.Join(folder, "snapshot-"+environment)
}

// WriteFile replaces the file at path. It does not wait for the disk: what a
// power cut leaves is old, new or damaged, and damaged is written anew.
func WriteFile(path string, file []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".secr-tmp-") // 0600; the name that local sweeps
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody emptied the cache folder. It must not stay slow for ever.
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			f, err = os.CreateTemp(filepath.Dir(path), ".secr-tmp-")
		}
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(file)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
