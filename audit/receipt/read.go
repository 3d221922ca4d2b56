package receipt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/secr/secr/vault/local"
)

// Pending is what a log holds that was not sent.
type Pending struct {
	// Entries are all that can be read, in the order of the file.
	Entries []Entry
	Sent    Link // what was sent, and what the first of them should follow
	Last    Link // the last up to which the chain is whole
	// Unreadable is the number of bytes that are no receipt of this log: a power
	// cut's, or somebody's.
	Unreadable uint64
}

// Read returns the receipts that were not sent. It changes nothing. If they are
// not one whole chain it fails with a [*ChainError], and returns them all the
// same. A log that is not there is empty.
func (l Log) Read(ctx context.Context) (Pending, error) {
	if _, err := os.Lstat(l.path); errors.Is(err, fs.ErrNotExist) {
		sent, err := l.Sent()
		return Pending{Sent: sent, Last: sent}, err
	}
	j, err := l.open(ctx, patience)
	if err != nil {
		return Pending{}, err
	}
	p, err := l.pending(j)
	return p, errors.Join(err, j.Close())
}

func (l Log) pending(j *local.Journal) (Pending, error) {
	sent, err := l.Sent()
	if err != nil {
		return Pending{}, err
	}
	b, err := l.bytes(j)
	if err != nil {
		return Pending{}, err
	}
	all, front, unreadable := l.forward(b)
	p := Pending{Sent: sent, Unreadable: uint64(unreadable)}
	if front < len(b) {
		back, start := l.backward(b[front:])
		all = append(all, back...)
		p.Unreadable += uint64(start)
	}
	for _, e := range all {
		if e.Number > sent.Number { // the others were sent, and are not dropped yet
			p.Entries = append(p.Entries, e)
		}
	}
	p.Last, err = sent.Check(l.vault, l.device, p.Entries)
	return p, err
}

func (l Log) bytes(j *local.Journal) ([]byte, error) {
	if j.Size() > maxLog {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, j.Size())
	}
	return j.Tail(j.Size())
}

// forward reads receipts from the start to the first place where there is none,
// and says where that is. Frames that hold no receipt of ours are stepped over
// and counted.
func (l Log) forward(b []byte) (all []Entry, end, unreadable int) {
	for end < len(b) {
		e, size, err := l.first(b[end:])
		if err != nil && size == 0 {
			break
		}
		if err != nil {
			unreadable += size
		} else {
			all = append(all, e)
		}
		end += size
	}
	return all, end, unreadable
}

// backward reads receipts from the end, back to where there is none: what stands
// behind a damaged place is evidence too.
func (l Log) backward(b []byte) (all []Entry, start int) {
	start = len(b)
	for start >= 2*frame {
		n := int64(binary.BigEndian.Uint32(b[start-frame : start]))
		from := int64(start) - n - 2*frame
		if n > maxSealed || from < 0 {
			break
		}
		e, _, err := l.first(b[from:start])
		if err != nil {
			break
		}
		all = append(all, e)
		start = int(from)
	}
	slices.Reverse(all)
	return all, start
}

// mend cuts off what follows the last readable receipt, so that the next one
// follows that. What it cuts off is kept aside, unless it is only zeros.
func (l Log) mend(j *local.Journal) (Link, Appended, error) {
	last, err := l.Sent()
	if err != nil {
		return Link{}, Appended{}, err
	}
	b, err := l.bytes(j)
	if err != nil {
		return Link{}, Appended{}, err
	}
	end := 0
	for end < len(b) {
		e, size, err := l.first(b[end:])
		if err != nil {
			break
		}
		if e.Number > last.Number {
			last = Link{Number: e.Number, Sum: e.Sum()}
		}
		end += size
	}
	a := Appended{Lost: uint64(len(b) - end)}
	if a.Aside, err = l.putAside(b[end:], last.Number+1); err != nil {
		return Link{}, Appended{}, err
	}
	return last, a, j.Truncate(int64(end))
}

// putAside keeps bytes in a file of their own, beside the log, and returns its
// path; nothing but zeros is not kept.
func (l Log) putAside(b []byte, before uint64) (string, error) {
	if !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) {
		return "", nil
	}
	path := fmt.Sprintf("%s.damaged-%d", l.path, before)
	return path, local.WriteFile(path, b)
}

// Drop notes that everything through at was sent, and frees the log's space once
// nothing newer is in it. Interrupted anywhere, no receipt is lost or sent twice
// under another number.
func (l Log) Drop(ctx context.Context, at Link) error {
	j, err := l.open(ctx, patience)
	if err != nil {
		return err
	}
	return errors.Join(l.drop(j, at), j.Close())
}

func (l Log) drop(j *local.Journal, at Link) error {
	p, err := l.pending(j)
	var broken *ChainError
	if err != nil && !errors.As(err, &broken) {
		return err
	}
	if at.Number <= p.Sent.Number {
		return nil
	}
	i := slices.IndexFunc(p.Entries, func(e Entry) bool { return e.Number == at.Number && e.Sum() == at.Sum })
	if i < 0 {
		return &ChainError{at.Number, "was not written here, and can't have been sent"}
	}
	if err := local.WriteFile(l.sentPath(), []byte(formatSent(at))); err != nil {
		return err
	}
	if i < len(p.Entries)-1 {
		return nil
	}
	if p.Unreadable > 0 {
		b, err := l.bytes(j)
		if err != nil {
			return err
		}
		if _, err := l.putAside(b, at.Number+1); err != nil {
			return err
		}
	}
	return j.Truncate(0)
}
