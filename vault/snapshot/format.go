package snapshot

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"unsafe"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/local"
)

const (
	magic      = "secr/1 snapshot\n"
	saltSize   = 32
	headerSize = len(magic) + saltSize + 8 + 32 + 4 + 4
	maxLock    = 1 << 20
	maxBody    = 1 << 30
	entrySize  = 48
	adLock     = "secr/1 snapshot lock\n"
	adBody     = "secr/1 snapshot body\n"
	adFile     = "secr/1 snapshot file\n"
)

// Snapshot is an opened snapshot. It may be read by several goroutines.
type Snapshot struct {
	place    Place
	settings Settings
	key      keys.Key // the body's
	body     body
	read     func(offset int64, b []byte) error // the file's bytes, for secret files
	files    int64                              // where they begin
}

// header is the clear beginning of a file.
type header struct {
	salt       []byte
	seq        uint64
	sum        [32]byte
	lock, body int // lengths
}

// Open reads the snapshot at path. The errors are fs.ErrNotExist, [ErrStale] and
// [ErrDamaged], or those of the file system.
func Open(path string, root keys.Key, want Place) (*Snapshot, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := open(reader(f), f.Size(), root, want)
	if err != nil {
		return nil, err
	}
	s.read = func(offset int64, b []byte) error {
		f, err := openFile(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return reader(f)(offset, b)
	}
	return s, nil
}

// openFile refuses what could block or surprise a reader: a link, a pipe, a
// device.
func openFile(path string) (*local.Plain, error) {
	f, err := local.OpenPlain(path)
	if errors.Is(err, local.ErrSymlink) || errors.Is(err, local.ErrNotRegular) {
		return nil, fmt.Errorf("%w: not a regular file", ErrDamaged)
	}
	return f, err
}

func reader(f *local.Plain) func(int64, []byte) error {
	return func(offset int64, b []byte) error {
		_, err := f.ReadAt(b, offset)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: cut short", ErrDamaged)
		}
		return err
	}
}

// Parse is [Open] of bytes in memory, which it keeps.
func Parse(file []byte, root keys.Key, want Place) (*Snapshot, error) {
	read := func(offset int64, b []byte) error {
		if offset > int64(len(file)) || copy(b, file[offset:]) < len(b) {
			return ErrDamaged
		}
		return nil
	}
	return open(read, int64(len(file)), root, want)
}

func open(read func(int64, []byte) error, size int64, root keys.Key, want Place) (*Snapshot, error) {
	head := make([]byte, headerSize)
	if err := read(0, head); err != nil {
		return nil, err
	}
	h, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	if h.seq != want.Seq || h.sum != want.Sum {
		return nil, fmt.Errorf("%w: it is of change %d", ErrStale, h.seq)
	}
	if size < int64(headerSize+h.lock+h.body) {
		return nil, fmt.Errorf("%w: cut short", ErrDamaged)
	}
	sealed := local.Memory(h.lock + h.body)
	if err := read(int64(headerSize), sealed); err != nil {
		return nil, err
	}
	s := &Snapshot{place: want, read: read, files: int64(headerSize + h.lock + h.body)}
	lock, err := keys.Open(fileKey(root, h.salt, want), append([]byte(adLock), head...), sealed[:h.lock])
	if err != nil {
		return nil, fmt.Errorf("%w: its lock does not open", ErrDamaged)
	}
	if s.key, s.settings, err = parseLock(lock); err != nil {
		return nil, err
	}
	plain, err := keys.OpenInPlace(s.key, []byte(adBody), sealed[h.lock:])
	if err != nil {
		return nil, fmt.Errorf("%w: its body does not open", ErrDamaged)
	}
	s.body, err = parseBody(plain)
	return s, err
}

func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return header{}, fmt.Errorf("%w: no snapshot of format 1", ErrDamaged)
	}
	h := header{salt: b[len(magic) : len(magic)+saltSize]}
	rest := b[len(magic)+saltSize:]
	h.seq = binary.BigEndian.Uint64(rest)
	copy(h.sum[:], rest[8:40])
	h.lock, h.body = int(binary.BigEndian.Uint32(rest[40:])), int(binary.BigEndian.Uint32(rest[44:]))
	if h.lock > maxLock || h.body > maxBody {
		return header{}, fmt.Errorf("%w: impossible lengths", ErrDamaged)
	}
	return h, nil
}

func (h header) bytes() []byte {
	b := append([]byte(magic), h.salt...)
	b = binary.BigEndian.AppendUint64(b, h.seq)
	b = append(b, h.sum[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(h.lock))
	return binary.BigEndian.AppendUint32(b, uint32(h.body))
}

// fileKey binds a file's lock to its place: a snapshot of another change,
// environment or vault does not open even if the clear header lies.
func fileKey(root keys.Key, salt []byte, at Place) keys.Key {
	info := append([]byte("secr/1 snapshot\n"), keys.LP([]byte(at.Vault))...)
	info = append(info, keys.LP([]byte(at.Environment))...)
	info = binary.BigEndian.AppendUint64(info, at.Seq)
	info = append(info, at.Sum[:]...)
	return keys.DeriveSalted(root, salt, string(info))
}

// lockBytes is the plaintext of the lock: the body's key, then the settings.
func lockBytes(key keys.Key, s Settings) []byte {
	b := append(make([]byte, 0, 256), key.Reveal()...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Time))
	b = binary.BigEndian.AppendUint64(b, uint64(s.MaxAge))
	reason := byte(0)
	if s.RequireReason {
		reason = 1
	}
	b = append(b, byte(s.Receipts), reason)
	for _, x := range append([]string{s.Device, s.Handle}, s.AllowNames...) {
		b = append(b, keys.LP([]byte(x))...)
	}
	return b
}

func parseLock(b []byte) (keys.Key, Settings, error) {
	damaged := fmt.Errorf("%w: its settings", ErrDamaged)
	if len(b) < keys.Size+18 {
		return keys.Key{}, Settings{}, damaged
	}
	key, err := keys.KeyFromBytes(b[:keys.Size])
	if err != nil {
		return keys.Key{}, Settings{}, damaged
	}
	b = b[keys.Size:]
	s := Settings{
		Time:          int64(binary.BigEndian.Uint64(b)),
		MaxAge:        int64(binary.BigEndian.Uint64(b[8:])),
		Receipts:      Receipts(b[16]),
		RequireReason: b[17] == 1,
	}
	var words []string
	for b = b[18:]; len(b) > 0; {
		if len(b) < 4 || int64(binary.BigEndian.Uint32(b)) > int64(len(b)-4) {
			return keys.Key{}, Settings{}, damaged
		}
		n := 4 + int(binary.BigEndian.Uint32(b))
		words, b = append(words, string(b[4:n])), b[n:]
	}
	if len(words) < 2 || s.Receipts > ReceiptsRequired {
		return keys.Key{}, Settings{}, damaged
	}
	s.Device, s.Handle, s.AllowNames = words[0], words[1], words[2:]
	return key, s, nil
}

// body is the decrypted index and the block that it points into: NAME=VALUE and
// a zero byte for a variable, NAME= and a zero byte for a file.
type body struct {
	count        int
	table, block []byte
	text         string // the block's own memory: ten thousand names and values need no copy
}

func parseBody(b []byte) (body, error) {
	if len(b) < 4 {
		return body{}, fmt.Errorf("%w: no index", ErrDamaged)
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n*entrySize > int64(len(b)-4) {
		return body{}, fmt.Errorf("%w: its index is cut short", ErrDamaged)
	}
	out := body{count: int(n), table: b[4 : 4+n*entrySize], block: b[4+n*entrySize:]}
	at := 0
	for i := range out.count {
		r := out.row(i)
		if r.at() != at {
			return body{}, fmt.Errorf("%w: its index has gaps", ErrDamaged)
		}
		at = r.end()
		if at > len(out.block) {
			return body{}, fmt.Errorf("%w: its index points outside", ErrDamaged)
		}
	}
	// Nothing writes to the block from here on, or the strings would change.
	out.text = unsafe.String(unsafe.SliceData(out.block), len(out.block))
	return out, nil
}

func (b body) row(i int) *row { return (*row)(b.table[i*entrySize:]) }

func (b body) name(i int) string {
	r := b.row(i)
	return b.text[r.at() : r.at()+r.nameLen()]
}

// pair is NAME=VALUE of a variable.
func (b body) pair(i int) string {
	r := b.row(i)
	return b.text[r.at() : r.end()-1]
}

func (b body) entry(i int) Entry {
	r := b.row(i)
	return Entry{
		ID:      r.id(),
		Name:    b.name(i),
		Version: binary.BigEndian.Uint64(r[20:]),
		Since:   binary.BigEndian.Uint64(r[28:]),
		Size:    r.size(),
		File:    r.isFile(),
	}
}

// row is one entry of the index.
type row [entrySize]byte

func (r *row) id() ID       { return ID(r[:20]) }
func (r *row) at() int      { return int(binary.BigEndian.Uint32(r[36:])) }
func (r *row) size() int    { return int(binary.BigEndian.Uint32(r[40:])) }
func (r *row) nameLen() int { return int(binary.BigEndian.Uint16(r[44:])) }
func (r *row) isFile() bool { return r[46] == 1 }

// end is where the next secret begins in the block.
func (r *row) end() int {
	at := r.at() + r.nameLen() + 2
	if r.isFile() {
		return at
	}
	return at + r.size()
}

// sealedSize is how many bytes a secret has after the body: 0 for a variable.
func (r *row) sealedSize() int64 {
	if !r.isFile() {
		return 0
	}
	return int64(r.size() + keys.Overhead)
}

func appendRow(b []byte, e Entry, at int) []byte {
	b = append(b, e.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Version)
	b = binary.BigEndian.AppendUint64(b, e.Since)
	b = binary.BigEndian.AppendUint32(b, uint32(at))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Size))
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Name)))
	kind := byte(0)
	if e.File {
		kind = 1
	}
	return append(b, kind, 0)
}

// file decrypts the i-th secret, a file: its bytes stand in the order of the
// index after the body.
func (s *Snapshot) file(i int) (keys.Secret, error) {
	offset := s.files
	for j := range i {
		offset += s.body.row(j).sealedSize()
	}
	r := s.body.row(i)
	sealed := make([]byte, r.sealedSize())
	if err := s.read(offset, sealed); err != nil {
		return keys.Secret{}, err
	}
	plain, err := keys.OpenInPlace(s.key, fileAD(r.id()), sealed)
	if err != nil {
		return keys.Secret{}, fmt.Errorf("%w: secret %s does not open", ErrDamaged, hex.EncodeToString(r[:20]))
	}
	defer clear(plain)
	return keys.NewSecret(plain), nil
}

func fileAD(id ID) []byte { return append([]byte(adFile), id[:]...) }

// fits says whether an entry's lengths can be written down.
func (e Entry) fits() bool {
	return len(e.Name) <= math.MaxUint16 && e.Size <= maxBody
}
