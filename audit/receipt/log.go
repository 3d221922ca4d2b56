package receipt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/local"
)

// ErrDamaged says that a log's bytes, before its end, are not what secr wrote.
var ErrDamaged = errors.New("receipt: the log is damaged")

const (
	frame     = 4 // the length of a sealed receipt, before it and after it
	maxSealed = MaxEncoded + keys.Overhead
	tailRead  = 1024 // most receipts are shorter
	sentMagic = "secr/1 receipts sent"
	maxLog    = 1 << 30
	// readers have time, but one who runs a program has not: a receipt takes less than a
	// millisecond.
	patience, hurry = time.Minute, 2 * time.Second
)

// Root is the key from which the keys of all logs of a seed come. A session may
// keep it where it would not keep the seed.
func Root(s keys.Seed) keys.Key { return s.Derive(nil, "secr/1 receipt root") }

// Log is the receipts of one device in one vault that were not sent yet. It
// holds no file open and may be copied.
type Log struct {
	path, vault, device string
	key                 keys.Key
}

// NewLog names the log of a device. It touches no file.
func NewLog(v local.Vault, device string, root keys.Key) (Log, error) {
	if !isID(device) {
		return Log{}, errors.New("receipt: not a device's id")
	}
	info := "secr/1 receipt log\n" + string(keys.LP([]byte(v.ID))) + string(keys.LP([]byte(device)))
	return Log{path: filepath.Join(v.State(), "receipts-"+device), vault: v.ID, device: device, key: keys.Derive(root, info)}, nil
}

// Appended is what [Log.Append] did.
type Appended struct {
	Number uint64
	// Lost is above 0 if the end of the log was unreadable: so many bytes were put
	// aside into the file Aside (empty if they were nothing but zeros).
	Lost  uint64
	Aside string
}

// Append adds a receipt. It fills in Number, Previous, Salt, Vault, Device and
// Lost, and shortens what the machine says of itself. It waits for other
// processes until ctx is done, two seconds at most. When it fails nothing was
// added.
func (l Log) Append(ctx context.Context, r Receipt) (Appended, error) {
	j, err := l.open(ctx, hurry)
	if err != nil {
		return Appended{}, err
	}
	a, err := l.append(j, r)
	return a, errors.Join(err, j.Close())
}

func (l Log) open(ctx context.Context, patience time.Duration) (*local.Journal, error) {
	j, err := local.OpenJournal(ctx, l.path, patience)
	if errors.Is(err, fs.ErrNotExist) {
		if err := local.MakeFolder(filepath.Dir(l.path)); err != nil {
			return nil, err
		}
		j, err = local.OpenJournal(ctx, l.path, patience)
	}
	return j, err
}

func (l Log) append(j *local.Journal, r Receipt) (Appended, error) {
	last, err := l.last(j)
	var a Appended
	if errors.Is(err, ErrDamaged) {
		last, a, err = l.mend(j)
	}
	if err != nil {
		return a, err
	}
	r = r.fit()
	r.Vault, r.Device, r.Lost = l.vault, l.device, a.Lost
	r.Number, r.Previous = last.Number+1, hex.EncodeToString(last.Sum[:])
	r.Salt = l.salt(r)
	plaintext, err := r.Encode()
	if err != nil {
		return a, err
	}
	sealed := keys.SealSynthetic(l.key, l.ad(), plaintext)
	length := binary.BigEndian.AppendUint32(nil, uint32(len(sealed)))
	a.Number = r.Number
	return a, j.Append(bytes.Join([][]byte{length, sealed, length}, nil))
}

// salt is what nobody can guess who doesn't have the log's key. The runtime's numbers keep
// two machines apart that write the same in the same second; they need not be secret.
func (l Log) salt(r Receipt) string {
	info := []byte("secr/1 receipt salt\n" + r.Previous)
	info = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(info, rand.Uint64()), rand.Uint64())
	return hex.EncodeToString(keys.Derive(l.key, string(info)).Reveal()[:saltSize])
}

// ad needs no number: that, and the link to the one before, are sealed.
func (l Log) ad() []byte {
	return append(append([]byte(magic), keys.LP([]byte(l.vault))...), keys.LP([]byte(l.device))...)
}

// last is the place at the end of the log.
func (l Log) last(j *local.Journal) (Link, error) {
	if j.Size() == 0 {
		return l.Sent()
	}
	tail, err := j.Tail(tailRead)
	if err != nil {
		return Link{}, err
	}
	if len(tail) < 2*frame {
		return Link{}, ErrDamaged
	}
	n := int64(binary.BigEndian.Uint32(tail[len(tail)-frame:]))
	whole := n + 2*frame
	if n > maxSealed || whole > j.Size() {
		return Link{}, ErrDamaged
	}
	if whole > int64(len(tail)) {
		if tail, err = j.Tail(whole); err != nil {
			return Link{}, err
		}
	}
	plaintext, size, err := l.unseal(tail[int64(len(tail))-whole:])
	if err != nil || int64(size) != whole {
		return Link{}, ErrDamaged
	}
	number, ok := numberOf(plaintext)
	if !ok {
		return Link{}, ErrDamaged
	}
	return l.later(Link{Number: number, Sum: sha256.Sum256(plaintext)})
}

// later is the end of what was sent if that goes further than the log, as when
// an old copy of it was put back.
func (l Log) later(at Link) (Link, error) {
	sent, err := l.Sent()
	if err != nil || sent.Number <= at.Number {
		return at, err
	}
	return sent, nil
}

// first opens the receipt at the start of b and says how many bytes it takes: 0
// if there is not even the frame of one, more if the frame holds something else.
func (l Log) first(b []byte) (Entry, int, error) {
	plaintext, size, err := l.unseal(b)
	if err != nil {
		return Entry{}, size, err
	}
	r, err := Decode(plaintext)
	if err != nil || r.Vault != l.vault || r.Device != l.device {
		return Entry{}, size, ErrDamaged
	}
	return Entry{Receipt: r, Plaintext: plaintext}, size, nil
}

// unseal is first without reading the receipt: whoever appends needs only that it is one
// of this log's own, and its number.
func (l Log) unseal(b []byte) (plaintext []byte, size int, err error) {
	if len(b) < 2*frame {
		return nil, 0, ErrDamaged
	}
	n := int(binary.BigEndian.Uint32(b))
	if n < keys.Overhead || n > maxSealed || n > len(b)-2*frame || !bytes.Equal(b[:frame], b[frame+n:frame+n+frame]) {
		return nil, 0, ErrDamaged
	}
	plaintext, err = keys.Open(l.key, l.ad(), b[frame:frame+n])
	if err != nil {
		return nil, n + 2*frame, ErrDamaged
	}
	return plaintext, n + 2*frame, nil
}

// Sent is the last receipt that was sent, as [Log.Drop] noted it.
func (l Log) Sent() (Link, error) {
	text, err := local.ReadText(l.sentPath(), 200)
	if errors.Is(err, fs.ErrNotExist) {
		return Link{}, nil
	}
	if err != nil {
		return Link{}, err
	}
	sent, ok := parseSent(text)
	if !ok {
		return Link{}, &local.FileError{Path: l.sentPath(), Err: local.ErrDamaged}
	}
	return sent, nil
}

func (l Log) sentPath() string { return l.path + ".sent" }

func formatSent(at Link) string {
	return sentMagic + "\n" + strconv.FormatUint(at.Number, 10) + " " + hex.EncodeToString(at.Sum[:]) + "\n"
}

func parseSent(text string) (Link, bool) {
	var at Link
	lines := strings.Split(text, "\n")
	if len(lines) != 3 {
		return Link{}, false
	}
	number, sum, _ := strings.Cut(lines[1], " ")
	var err error
	if at.Number, err = strconv.ParseUint(number, 10, 64); err != nil {
		return Link{}, false
	}
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != len(at.Sum) {
		return Link{}, false
	}
	copy(at.Sum[:], b)
	return at, formatSent(at) == text
}
