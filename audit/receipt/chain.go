package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Entry is a receipt and the bytes that it was read from.
type Entry struct {
	Receipt
	Plaintext []byte
}

// Sum is what the next receipt calls the previous one.
func (e Entry) Sum() [32]byte { return sha256.Sum256(e.Plaintext) }

// Link is a place in a chain: after the receipt with this number and sum. The
// zero Link is the start.
type Link struct {
	Number uint64
	Sum    [32]byte
}

// ChainError says where a chain breaks. Two different receipts with one number
// are a fork: the device's file was put back, or copied to another machine.
type ChainError struct {
	Number uint64 // of the receipt that doesn't fit
	What   string
}

// Error says it in one line.
func (e *ChainError) Error() string { return fmt.Sprintf("receipt %d: %s", e.Number, e.What) }

// Check holds entries to be the ones that follow l, without a gap, of this vault
// and device, and returns the link after the last. It fails with a
// [*ChainError], and the link up to which all is well.
func (l Link) Check(vault, device string, entries []Entry) (Link, error) {
	for _, e := range entries {
		next, err := l.follow(vault, device, e)
		if err != nil {
			return l, err
		}
		l = next
	}
	return l, nil
}

func (l Link) follow(vault, device string, e Entry) (Link, error) {
	switch {
	case e.Vault != vault:
		return l, &ChainError{e.Number, "is of another vault"}
	case e.Device != device:
		return l, &ChainError{e.Number, "is of another device"}
	case e.Number > l.Number+1:
		return l, &ChainError{e.Number, fmt.Sprintf("%d before it are missing", e.Number-l.Number-1)}
	case e.Number <= l.Number:
		return l, &ChainError{e.Number, "comes twice, or out of order"}
	case e.Previous != hex.EncodeToString(l.Sum[:]):
		return l, &ChainError{e.Number, "follows another one than the one before it"}
	}
	return Link{Number: e.Number, Sum: e.Sum()}, nil
}
