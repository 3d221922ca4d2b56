package repo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	githash "github.com/go-git/go-git/v5/plumbing/hash"

	"github.com/secr/secr/vault/local"
)

// Limits bounds what a stranger's pack may cost.
type Limits struct {
	Bytes   int64 // of the pack
	Objects int   // in the pack
	Object  int   // bytes of one object
	Work    int64 // bytes that all objects and deltas come to
}

// DefaultLimits is generous for a vault of any age and ends what is no vault.
func DefaultLimits() Limits {
	return Limits{Bytes: 1 << 30, Objects: indexObjects, Object: objectLimit, Work: 16 << 30}
}

// indexer finds the objects of a pack that has no index.
type indexer struct {
	limits  Limits
	pack    *pack
	objects []packed
	deltas  []int // those of objects that are deltas and not yet resolved
	work    int64
	trailer []byte
}

// indexPack reads a whole pack, from the first byte to the checksum, and
// returns its objects and that checksum. Nothing in the pack is believed: it
// must be exactly one pack, complete in itself, within the limits.
func indexPack(ctx context.Context, s *store, path string, limits Limits) ([]packed, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	x := &indexer{limits: limits, work: limits.Work}
	x.pack = &pack{path: path, store: s, file: f, known: map[Hash]int64{}, work: &x.work}
	defer s.cache.clear()
	defer x.pack.close()
	if err := x.checksum(ctx); err != nil {
		return nil, nil, err
	}
	if err := x.scan(ctx); err != nil {
		return nil, nil, err
	}
	if err := x.resolve(ctx); err != nil {
		return nil, nil, err
	}
	return x.objects, x.trailer, nil
}

// checksum checks the SHA-1 at the end of the pack.
func (x *indexer) checksum(ctx context.Context) error {
	fi, err := x.pack.file.Stat()
	if err != nil {
		return err
	}
	x.pack.size = fi.Size()
	switch {
	case x.pack.size > x.limits.Bytes:
		return tooLarge("a pack of %d bytes", x.pack.size)
	case x.pack.size < int64(packHeader+packTrailer):
		return damaged("a pack is cut short")
	}
	sum := githash.New(githash.CryptoType)
	body := io.NewSectionReader(x.pack.file, 0, x.pack.size-packTrailer)
	if _, err := io.Copy(sum, contextReader{ctx, body}); err != nil {
		return err
	}
	x.trailer = make([]byte, packTrailer)
	if _, err := x.pack.file.ReadAt(x.trailer, x.pack.size-packTrailer); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), x.trailer) {
		return damaged("a pack does not have the checksum that it ends with")
	}
	return nil
}

// contextReader stops reading when the context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// offsetReader reads bytes one by one, as an inflater does that must not
// read beyond its stream, and knows where it is.
type offsetReader struct {
	*bufio.Reader
	off int64
}

func (o *offsetReader) ReadByte() (byte, error) {
	b, err := o.Reader.ReadByte()
	if err == nil {
		o.off++
	}
	return b, err
}

func (o *offsetReader) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	o.off += int64(n)
	return n, err
}

// scan goes through the pack once, hashes what is stored whole and notes
// what is stored as a delta.
func (x *indexer) scan(ctx context.Context) error {
	end := x.pack.size - packTrailer
	r := &offsetReader{Reader: bufio.NewReaderSize(io.NewSectionReader(x.pack.file, 0, end), 1<<16)}
	var head [packHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return streamError(err)
	}
	if string(head[:len(packMagic)]) != packMagic {
		return damaged("a pack has another format")
	}
	count := binary.BigEndian.Uint32(head[len(packMagic):])
	if int64(count) > int64(x.limits.Objects) || int64(count) > indexObjects {
		return tooLarge("a pack of %d objects", count)
	}
	var i inflateFrom
	for n := range int(count) {
		if n%256 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := x.scanEntry(r, &i); err != nil {
			return err
		}
	}
	if r.off != end {
		return damaged("a pack has %d bytes behind its last object", end-r.off)
	}
	return nil
}

func (x *indexer) scanEntry(r *offsetReader, i *inflateFrom) error {
	off := r.off
	e, err := readEntry(r, off)
	if err != nil {
		return err
	}
	if e.size > x.limits.Object {
		return tooLarge("an object of %d bytes in a pack", e.size)
	}
	if x.work -= int64(e.size); x.work < 0 {
		return tooLarge("what the objects of a pack come to")
	}
	data, err := i.inflate(r, e.size)
	if err != nil {
		return err
	}
	o := packed{offset: off}
	if o.crc, err = x.crc(off, r.off); err != nil {
		return err
	}
	if e.kind.plain() {
		return x.found(&o, e.kind, data, true)
	}
	x.objects = append(x.objects, o)
	x.deltas = append(x.deltas, len(x.objects)-1)
	return nil
}

func (x *indexer) crc(from, to int64) (uint32, error) {
	sum := crc32.NewIEEE()
	_, err := io.Copy(sum, io.NewSectionReader(x.pack.file, from, to-from))
	return sum.Sum32(), err
}

// found hashes an object and notes where it is. An object that is in a pack
// twice makes look-ups depend on luck, so that pack is refused.
func (x *indexer) found(o *packed, k kind, data []byte, add bool) error {
	h, ok := x.pack.store.sum(k, data)
	if !ok {
		return damaged("an object was built to collide with another object")
	}
	if _, twice := x.pack.known[h]; twice {
		return malformed("a pack with object %s twice", h)
	}
	o.hash = h
	x.pack.known[h] = o.offset
	if add {
		x.objects = append(x.objects, *o)
	}
	return nil
}

// resolve builds what is stored as deltas. The base of a delta may come
// after it when it is named by its hash, so this takes as many rounds as it
// makes progress.
func (x *indexer) resolve(ctx context.Context) error {
	for len(x.deltas) > 0 {
		var later []int
		for n, at := range x.deltas {
			if n%256 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			o := &x.objects[at]
			k, data, err := x.pack.read(o.offset, x.limits.Object)
			if errors.Is(err, errNoBase) {
				later = append(later, at)
				continue
			}
			if err != nil {
				return err
			}
			if err := x.found(o, k, data, false); err != nil {
				return err
			}
		}
		if len(later) == len(x.deltas) {
			return damaged("%d deltas of a pack have no base in it", len(later))
		}
		x.deltas = later
	}
	return nil
}

// writeIndex writes the index of a pack that lies under its final name.
func writeIndex(d local.Disk, folder, path string, objects []packed, trailer []byte) error {
	idx, err := d.CreateTemp(folder)
	if err != nil {
		return err
	}
	if _, err := idx.Write(formatIndex(objects, trailer)); err != nil {
		idx.Discard()
		return err
	}
	if err := idx.Publish(path); err != nil {
		return fmt.Errorf("write the index of a pack: %w", err)
	}
	return d.SyncFolder(folder)
}
