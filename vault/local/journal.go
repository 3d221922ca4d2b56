package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// Journal is a file of ours that only grows, open and locked by this
// process. It is for receipts: appending costs one write and no sync, so the
// last entries may be lost in a power cut, and a reader must expect the last
// one to be cut short.
type Journal struct {
	file *Plain
	size int64
}

// OpenJournal opens or creates a journal and locks it against other
// processes until it is closed. It waits for them until ctx is done, and no longer
// than patience.
func OpenJournal(ctx context.Context, path string, patience time.Duration) (*Journal, error) {
	f, err := openOwn(path, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	if err := waitLock(ctx, f, patience); err != nil {
		f.Close()
		return nil, err
	}
	size, err := f.measure()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Journal{file: f, size: size}, nil
}

// Size is the length of the journal in bytes.
func (j *Journal) Size() int64 { return j.size }

// Tail reads the last n bytes, or all if there are fewer.
func (j *Journal) Tail(n int64) ([]byte, error) {
	n = min(n, j.size)
	data := make([]byte, n)
	if _, err := j.file.ReadAt(data, j.size-n); err != nil && err != io.EOF {
		return nil, err
	}
	return data, nil
}

// Append adds data whole or, on an error, not at all.
func (j *Journal) Append(data []byte) error {
	n, err := j.file.Write(data)
	if err != nil {
		if n > 0 {
			if terr := j.file.Truncate(j.size); terr != nil {
				return fmt.Errorf("%w, and the part that was written stays: %w", err, terr)
			}
		}
		return err
	}
	j.size += int64(n)
	return nil
}

// Truncate cuts the journal to size bytes, after its entries have gone
// elsewhere or to drop an entry that was cut short.
func (j *Journal) Truncate(size int64) error {
	if size < 0 || size > j.size {
		return fmt.Errorf("cannot cut %s of %d bytes to %d", j.file.Name(), j.size, size)
	}
	if err := j.file.Truncate(size); err != nil {
		return err
	}
	j.size = size
	return nil
}

// Close unlocks and closes the journal.
func (j *Journal) Close() error { return j.file.Close() }
