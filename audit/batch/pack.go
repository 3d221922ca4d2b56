package batch

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
)

const magic = "secr/1 receipts\n"

// Fit is how many of the first entries go into one batch.
func Fit(entries []receipt.Entry) int {
	size, n := len(magic), 0
	for n < len(entries) && n < MaxReceipts {
		if size += 4 + len(entries[n].Plaintext); size > MaxPlain {
			break
		}
		n++
	}
	return n
}

// Seal writes the file of a batch, which the audit key opens. The entries must fit.
// Receipts resemble each other, so they are compressed; the length is padded, so
// that it tells little more than their number.
func Seal(to wrap.Recipient, entries []receipt.Entry) ([]byte, error) {
	if len(entries) == 0 || Fit(entries) < len(entries) {
		return nil, bad("%d receipts are none, or too many for one batch", len(entries))
	}
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	io.WriteString(z, magic) // a buffer takes everything
	for _, e := range entries {
		z.Write(keys.LP(e.Plaintext))
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return wrap.SealTo([]wrap.Recipient{to}, keys.Pad(packed.Bytes()))
}

// Open reads the file of a batch and holds it to what the commit says: its hash, the
// numbers, and the hashes at both ends of an unbroken chain. It fails with
// ErrMalformed, ErrTampered, a *receipt.ChainError, or an error of package wrap.
func (d Draft) Open(identity wrap.Identity, file []byte) ([]receipt.Entry, error) {
	if err := d.CheckFile(file); err != nil {
		return nil, err
	}
	padded, err := identity.OpenFrom(file)
	if err != nil {
		return nil, err
	}
	return d.unpack(padded)
}

func (d Draft) unpack(padded []byte) ([]receipt.Entry, error) {
	packed, err := keys.Unpad(padded)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	plain, err := inflate(packed)
	if err != nil {
		return nil, err
	}
	return d.entries(plain)
}

// CheckFile says whether file is the one that the commit names.
func (d Draft) CheckFile(file []byte) error {
	if len(file) > MaxFile {
		return bad("a file of %d bytes, more than %d", len(file), MaxFile)
	}
	if sha256.Sum256(file) != d.File {
		return fmt.Errorf("%w: its file has another SHA-256", ErrTampered)
	}
	return nil
}

// inflate unpacks without being led to fill the memory.
func inflate(packed []byte) ([]byte, error) {
	from := bytes.NewReader(packed)
	z := flate.NewReader(from)
	plain, err := io.ReadAll(io.LimitReader(z, MaxPlain+1))
	switch {
	case err != nil:
		return nil, bad("it can't be unpacked: %v", err)
	case len(plain) > MaxPlain:
		return nil, bad("more than %d bytes", MaxPlain)
	case from.Len() > 0:
		return nil, bad("bytes after the end")
	}
	return plain, nil
}

// entries takes the receipts out of what a batch holds, and checks their chain.
func (d Draft) entries(plain []byte) ([]receipt.Entry, error) {
	rest, ok := bytes.CutPrefix(plain, []byte(magic))
	if !ok {
		return nil, bad("not a batch of receipts")
	}
	var out []receipt.Entry
	for len(rest) > 0 {
		if len(rest) < 4 || uint64(binary.BigEndian.Uint32(rest)) > uint64(len(rest)-4) {
			return nil, bad("a receipt is cut short")
		}
		n := 4 + binary.BigEndian.Uint32(rest)
		r, err := receipt.Decode(rest[4:n:n])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		out = append(out, receipt.Entry{Receipt: r, Plaintext: rest[4:n:n]})
		rest = rest[n:]
	}
	return out, d.CheckEntries(out)
}

// CheckEntries says whether receipts are those of the batch: opened ones prove
// themselves by their hashes, without any key.
func (d Draft) CheckEntries(entries []receipt.Entry) error {
	if uint64(len(entries)) != d.Last-d.First+1 {
		return fmt.Errorf("%w: it holds %d receipts and says %d", ErrTampered, len(entries), d.Last-d.First+1)
	}
	end, err := receipt.Link{Number: d.First - 1, Sum: d.Previous}.Check(d.Author.Vault, d.Author.Device, entries)
	if err != nil {
		return err
	}
	if end.Sum != d.Sum {
		return fmt.Errorf("%w: Secr-Last is not the hash of its last receipt", ErrTampered)
	}
	return nil
}
