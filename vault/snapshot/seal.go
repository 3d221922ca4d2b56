package snapshot

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/secr/secr/keys"
)

// ErrTooLarge says that an environment does not fit into a snapshot. It is then
// read from the vault each time.
var ErrTooLarge = errors.New("snapshot: too large")

// Seal returns the file of a snapshot. The order of secrets does not matter; two
// of one name are an error.
func Seal(root keys.Key, at Place, settings Settings, secrets []Secret) ([]byte, error) {
	sorted := slices.Clone(secrets)
	slices.SortFunc(sorted, func(a, b Secret) int { return cmp.Compare(a.Name, b.Name) })
	plain, files, err := bodyBytes(sorted)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	key := keys.NewKey()
	body := keys.Seal(key, []byte(adBody), plain)
	out := stamp(root, at, settings, key, len(body), len(body)+files)
	out = append(out, body...)
	for _, s := range sorted {
		if s.File {
			out = append(out, keys.Seal(key, fileAD(s.ID), s.Value.Reveal())...)
		}
	}
	return out, nil
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

// bodyBytes returns the plaintext of the body and the length of the sealed
// files that follow it.
func bodyBytes(sorted []Secret) (plain []byte, files int, err error) {
	size := 4 + len(sorted)*entrySize
	for i, s := range sorted {
		if i > 0 && sorted[i-1].Name == s.Name {
			return nil, 0, errors.New("snapshot: two secrets of one name")
		}
		if s.Size = s.Value.Len(); !s.fits() {
			return nil, 0, ErrTooLarge
		}
		size += len(s.Name) + 2
		if s.File {
			files += s.Size + keys.Overhead
		} else {
			size += s.Size
		}
	}
	if size+keys.Overhead > maxBody {
		return nil, 0, ErrTooLarge
	}
	plain = binary.BigEndian.AppendUint32(make([]byte, 0, size), uint32(len(sorted)))
	at := 0
	for _, s := range sorted {
		s.Size = s.Value.Len()
		plain = appendRow(plain, s.Entry, at)
		at += len(s.Name) + 2
		if !s.File {
			at += s.Size
		}
	}
	for _, s := range sorted {
		plain = append(append(plain, s.Name...), '=')
		if !s.File {
			plain = append(plain, s.Value.Reveal()...)
		}
		plain = append(plain, 0)
	}
	return plain, files, nil
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

// Update returns the file of s moved to another place: the secrets with the ids
// of gone and of changed are dropped, then changed added. What stays is copied as
// it is; secret files are not even decrypted.
func (s *Snapshot) Update(root keys.Key, to Place, settings Settings, changed []Secret, gone []ID) ([]byte, error) {
	drop := make(map[ID]bool, len(changed)+len(gone))
	for _, c := range changed {
		drop[c.ID] = true
	}
	for _, id := range gone {
		drop[id] = true
	}
	added := slices.Clone(changed)
	slices.SortFunc(added, func(a, b Secret) int { return cmp.Compare(a.Name, b.Name) })
	m := merger{from: s}
	for i := range s.body.count {
		if drop[ID(s.body.row(i)[:20])] {
			m.file += s.body.sealedSize(i)
			continue
		}
		for len(added) > 0 && added[0].Name < s.body.name(i) {
			if err := m.add(added[0]); err != nil {
				return nil, err
			}
			added = added[1:]
		}
		if err := m.keep(i); err != nil {
			return nil, err
		}
	}
	for _, a := range added {
		if err := m.add(a); err != nil {
			return nil, err
		}
	}
	return m.seal(root, to, settings)
}

// merger builds a body of parts of another's, in the order of names.
type merger struct {
	from        *Snapshot
	file        int64 // bytes of sealed files of from that were passed
	last        string
	count       uint32
	rows, block []byte
	files       []byte // sealed under from's key, which stays
}

func (m *merger) keep(i int) error {
	b := m.from.body
	at := b.at(i)
	end := at + b.nameLen(i) + 2
	if !b.isFile(i) {
		end += b.size(i)
	}
	size := b.sealedSize(i)
	if size > 0 {
		sealed := make([]byte, size)
		if err := m.from.read(m.from.files+m.file, sealed); err != nil {
			return err
		}
		m.files = append(m.files, sealed...)
	}
	m.file += size
	row := len(m.rows)
	m.rows = append(m.rows, b.row(i)...)
	binary.BigEndian.PutUint32(m.rows[row+36:], uint32(len(m.block)))
	m.block = append(m.block, b.block[at:end]...)
	return m.next(b.name(i))
}

func (m *merger) add(s Secret) error {
	if s.Size = s.Value.Len(); !s.fits() {
		return ErrTooLarge
	}
	m.rows = appendRow(m.rows, s.Entry, len(m.block))
	m.block = append(append(m.block, s.Name...), '=')
	if s.File {
		m.files = append(m.files, keys.Seal(m.from.key, fileAD(s.ID), s.Value.Reveal())...)
	} else {
		m.block = append(m.block, s.Value.Reveal()...)
	}
	m.block = append(m.block, 0)
	return m.next(s.Name)
}

func (m *merger) next(name string) error {
	if m.count > 0 && name <= m.last {
		return errors.New("snapshot: two secrets of one name")
	}
	m.last = name
	m.count++
	return nil
}

func (m *merger) seal(root keys.Key, to Place, settings Settings) ([]byte, error) {
	defer clear(m.block)
	size := 4 + len(m.rows) + len(m.block)
	if size+keys.Overhead > maxBody {
		return nil, ErrTooLarge
	}
	plain := binary.BigEndian.AppendUint32(make([]byte, 0, size), m.count)
	plain = append(append(plain, m.rows...), m.block...)
	defer clear(plain)
	body := keys.Seal(m.from.key, []byte(adBody), plain)
	out := stamp(root, to, settings, m.from.key, len(body), len(body)+len(m.files))
	return append(append(out, body...), m.files...), nil
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
