package repo

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io"
	"sync"
)

// objectLimit bounds every object that is read: far above the largest value
// and the largest tree of a vault, far below what would hurt.
const objectLimit = 8 << 20

// inflaters keeps zlib readers, which are costly to make.
type inflaters struct{ pool sync.Pool }

// inflater reads zlib streams out of a file.
type inflater struct {
	in   *bufio.Reader
	zlib io.ReadCloser // nil until the first stream
}

func (p *inflaters) get(r io.Reader) *inflater {
	if i, ok := p.pool.Get().(*inflater); ok {
		i.in.Reset(r)
		return i
	}
	return &inflater{in: bufio.NewReaderSize(r, 4096)}
}

func (p *inflaters) put(i *inflater) {
	i.in.Reset(nil)
	p.pool.Put(i)
}

// open starts to read a zlib stream at the reader's position.
func (i *inflater) open() (io.Reader, error) {
	if i.zlib == nil {
		z, err := zlib.NewReader(i.in)
		if err != nil {
			return nil, streamError(err)
		}
		i.zlib = z
		return z, nil
	}
	if err := i.zlib.(zlib.Resetter).Reset(i.in, nil); err != nil {
		return nil, streamError(err)
	}
	return i.zlib, nil
}

// inflate reads a stream that must hold exactly size bytes.
func (i *inflater) inflate(size int) ([]byte, error) {
	z, err := i.open()
	if err != nil {
		return nil, err
	}
	return readExactly(z, size)
}

// inflateFrom reads zlib streams out of a reader that is not buffered
// further, so that the reader ends up exactly behind each stream.
type inflateFrom struct {
	zlib io.ReadCloser
}

func (i *inflateFrom) inflate(r flateReader, size int) ([]byte, error) {
	var err error
	if i.zlib == nil {
		i.zlib, err = zlib.NewReader(r)
	} else {
		err = i.zlib.(zlib.Resetter).Reset(r, nil)
	}
	if err != nil {
		return nil, streamError(err)
	}
	return readExactly(i.zlib, size)
}

// flateReader is what package flate reads from without a buffer of its own.
type flateReader interface {
	io.Reader
	io.ByteReader
}

// readExactly reads size bytes, and then the end with its checksum.
func readExactly(z io.Reader, size int) ([]byte, error) {
	out := make([]byte, size)
	if _, err := io.ReadFull(z, out); err != nil {
		return nil, streamError(err)
	}
	var more [1]byte
	if n, err := io.ReadFull(z, more[:]); n != 0 || !errors.Is(err, io.EOF) {
		if n == 0 {
			return nil, streamError(err)
		}
		return nil, damaged("it is longer than it says")
	}
	return out, nil
}

// streamError tells what is on the disk apart from a disk that can't be read.
func streamError(err error) error {
	var path interface{ Timeout() bool }
	if errors.As(err, &path) {
		return err
	}
	return damaged("%v", err)
}

// stored appends data as a zlib stream of stored blocks: ciphertext does not
// compress, and trying costs most of the time of a large import.
func stored(out, data []byte) []byte {
	const most = 1<<16 - 1
	out = append(out, 0x78, 0x01)
	rest := data
	for {
		block := rest[:min(len(rest), most)]
		rest = rest[len(block):]
		final := byte(0)
		if len(rest) == 0 {
			final = 1
		}
		out = append(out, final)
		out = binary.LittleEndian.AppendUint16(out, uint16(len(block)))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(len(block)))
		out = append(out, block...)
		if final == 1 {
			break
		}
	}
	return binary.BigEndian.AppendUint32(out, adler32.Checksum(data))
}

// deflater compresses objects one after another.
type deflater struct {
	storeTrees bool // as they are
	zlib       *zlib.Writer
	out        sliceWriter
}

type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

// deflate appends data as a zlib stream: stored if it is a blob of
// ciphertext, or a tree that is to be, compressed otherwise.
func (d *deflater) deflate(out []byte, k kind, data []byte) ([]byte, error) {
	if k == kindBlob && !compressible(data) || k == kindTree && d.storeTrees {
		return stored(out, data), nil
	}
	d.out.b = out
	if d.zlib == nil {
		// Trees are mostly hashes: trying harder takes three times as long for a few
		// bytes in a hundred.
		d.zlib, _ = zlib.NewWriterLevel(&d.out, zlib.BestSpeed) // fails for unknown levels only
	} else {
		d.zlib.Reset(&d.out)
	}
	if _, err := d.zlib.Write(data); err != nil {
		return nil, err
	}
	if err := d.zlib.Close(); err != nil {
		return nil, err
	}
	out, d.out.b = d.out.b, nil
	return out, nil
}

// compressible reports whether a blob is one of the vault's JSON files. All
// the others are ciphertext behind a short header.
func compressible(data []byte) bool { return len(data) > 0 && data[0] == '{' }
