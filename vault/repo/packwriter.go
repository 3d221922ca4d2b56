package repo

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"path/filepath"
	"slices"

	"github.com/secr/secr/vault/local"
)

// packed is one object of a pack that is being written.
type packed struct {
	hash   Hash
	offset int64
	crc    uint32
}

// packWriter writes a pack and its index under temporary names.
type packWriter struct {
	disk    local.Disk
	folder  string
	file    *local.File
	out     *bufio.Writer
	sum     hash.Hash
	offset  int64
	objects []packed
	deflate deflater
	buf     []byte
}

func newPackWriter(d local.Disk, folder string, count int) (*packWriter, error) {
	f, err := d.CreateTemp(folder)
	if err != nil {
		return nil, err
	}
	w := &packWriter{
		disk: d, folder: folder, file: f,
		out: bufio.NewWriterSize(f, 1<<16),
		// It finds damage in what we write; who wants to forge a pack writes another.
		sum: sha1.New(),
	}
	head := binary.BigEndian.AppendUint32([]byte(packMagic), uint32(count))
	if err := w.write(head); err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

func (w *packWriter) write(p []byte) error {
	w.sum.Write(p)
	w.offset += int64(len(p))
	_, err := w.out.Write(p)
	return err
}

// add appends an object.
func (w *packWriter) add(h Hash, k kind, data []byte) error {
	entry, err := w.deflate.deflate(entryHeader(w.buf[:0], k, len(data)), k, data)
	if err != nil {
		return err
	}
	w.buf = entry
	return w.addRaw(h, entry)
}

// addRaw appends an object that is encoded already.
func (w *packWriter) addRaw(h Hash, entry []byte) error {
	w.objects = append(w.objects, packed{hash: h, offset: w.offset, crc: crc32.ChecksumIEEE(entry)})
	return w.write(entry)
}

// entryHeader appends kind and size as a pack has them.
func entryHeader(out []byte, k kind, size int) []byte {
	b := byte(k)<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		out = append(out, b|0x80)
		b = byte(size & 0x7f)
	}
	return append(out, b)
}

func (w *packWriter) discard() { w.file.Discard() }

// finish makes the pack durable and visible and returns its path.
func (w *packWriter) finish() (string, error) {
	trailer := w.sum.Sum(nil)
	if _, err := w.out.Write(trailer); err != nil {
		w.discard()
		return "", err
	}
	if err := w.out.Flush(); err != nil {
		w.discard()
		return "", err
	}
	idx, err := w.disk.CreateTemp(w.folder)
	if err != nil {
		w.discard()
		return "", err
	}
	if _, err := idx.Write(formatIndex(w.objects, trailer)); err != nil {
		idx.Discard()
		w.discard()
		return "", err
	}
	stem := filepath.Join(w.folder, "pack-"+hex.EncodeToString(trailer))
	if err := w.file.Publish(stem + ".pack"); err != nil {
		idx.Discard()
		return "", err
	}
	// The index makes the pack count, so it is the last to get its name.
	if err := idx.Publish(stem + ".idx"); err != nil {
		return "", err
	}
	return stem + ".pack", w.disk.SyncFolder(w.folder)
}

// formatIndex writes the index of a pack.
func formatIndex(objects []packed, trailer []byte) []byte {
	slices.SortFunc(objects, func(a, b packed) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	out := make([]byte, 0, indexHeader+28*len(objects)+indexTrailer)
	out = append(out, indexMagic...)
	at := 0
	for first := range 256 {
		for at < len(objects) && int(objects[at].hash[0]) == first {
			at++
		}
		out = binary.BigEndian.AppendUint32(out, uint32(at))
	}
	for _, o := range objects {
		out = append(out, o.hash[:]...)
	}
	for _, o := range objects {
		out = binary.BigEndian.AppendUint32(out, o.crc)
	}
	var wide []byte
	for _, o := range objects {
		if o.offset < 1<<31 {
			out = binary.BigEndian.AppendUint32(out, uint32(o.offset))
			continue
		}
		out = binary.BigEndian.AppendUint32(out, 1<<31|uint32(len(wide)/8))
		wide = binary.BigEndian.AppendUint64(wide, uint64(o.offset))
	}
	out = append(append(out, wide...), trailer...)
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}
