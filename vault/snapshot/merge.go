package snapshot

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/secr/secr/keys"
)

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
		for len(added) > 0 && added[0].Name < s.body.name(i) {
			if err := m.add(added[0]); err != nil {
				return nil, err
			}
			added = added[1:]
		}
		m.pass(i, drop[s.body.row(i).id()])
	}
	for _, a := range added {
		if err := m.add(a); err != nil {
			return nil, err
		}
	}
	return m.seal(root, to, settings)
}

// merger lays out a body, and then writes it in one piece: runs of another's secrets,
// and new ones between them, in the order of names.
type merger struct {
	from   *Snapshot
	passed int64 // bytes of sealed files of from
	parts  []part
	count  int
	block  int // bytes
	files  int // bytes
}

// part is a new secret, or those of the old body from one up to another.
type part struct {
	added       *Secret
	first, next int
	offset      int64 // of the sealed files of a run, after those before them
	files       int   // bytes of them
}

// pass takes the i-th secret of the old body over, unless it is dropped.
func (m *merger) pass(i int, dropped bool) {
	r := m.from.body.row(i)
	files := r.sealedSize()
	offset := m.passed
	m.passed += files
	if dropped {
		return
	}
	if n := len(m.parts); n == 0 || m.parts[n-1].added != nil || m.parts[n-1].next != i {
		m.parts = append(m.parts, part{first: i, next: i, offset: offset})
	}
	run := &m.parts[len(m.parts)-1]
	run.next++
	run.files += int(files)
	m.count++
	m.block += r.end() - r.at()
	m.files += int(files)
}

func (m *merger) add(s Secret) error {
	if s.Size = s.Value.Len(); !s.fits() {
		return ErrTooLarge
	}
	if n := len(m.parts); n > 0 && m.last(m.parts[n-1]) >= s.Name {
		return errors.New("snapshot: two secrets of one name")
	}
	m.parts = append(m.parts, part{added: &s})
	m.count++
	m.block += len(s.Name) + 2
	if s.File {
		m.files += s.Size + keys.Overhead
	} else {
		m.block += s.Size
	}
	return nil
}

// last is the last name of a part.
func (m *merger) last(p part) string {
	if p.added != nil {
		return p.added.Name
	}
	return m.from.body.name(p.next - 1)
}

// seal writes the file. Ten thousand secrets are a megabyte, and fresh memory is what
// most of the time goes to: the plaintext is built where its ciphertext shall stand.
func (m *merger) seal(root keys.Key, to Place, settings Settings) ([]byte, error) {
	size := 4 + m.count*entrySize + m.block + keys.Overhead
	if size > maxBody {
		return nil, ErrTooLarge
	}
	out := stamp(root, to, settings, m.from.key, size, size+m.files)
	begin := len(out)
	out = binary.BigEndian.AppendUint32(out, uint32(m.count))
	at := 0
	for _, p := range m.parts {
		out, at = m.rows(out, p, at)
	}
	for _, p := range m.parts {
		out = m.values(out, p)
	}
	out = keys.SealTail(m.from.key, []byte(adBody), out, begin)
	for _, p := range m.parts {
		var err error
		if out, err = m.sealedFiles(out, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rows appends the rows of a part that begins at an offset of the block, and returns
// where the next one does.
func (m *merger) rows(out []byte, p part, at int) ([]byte, int) {
	if s := p.added; s != nil {
		out = appendRow(out, s.Entry, at)
		if at += len(s.Name) + 2; !s.File {
			at += s.Size
		}
		return out, at
	}
	b := m.from.body
	moved := at - b.row(p.first).at()
	for i := p.first; i < p.next; i++ {
		begin, r := len(out), b.row(i)
		out = append(out, r[:]...)
		binary.BigEndian.PutUint32(out[begin+36:], uint32(r.at()+moved))
	}
	return out, b.row(p.next-1).end() + moved
}

// values appends a part's share of the block.
func (m *merger) values(out []byte, p part) []byte {
	s := p.added
	if s == nil {
		b := m.from.body
		return append(out, b.block[b.row(p.first).at():b.row(p.next-1).end()]...)
	}
	out = append(append(out, s.Name...), '=')
	if !s.File {
		out = append(out, s.Value.Reveal()...)
	}
	return append(out, 0)
}

// sealedFiles appends the secret files of a part. Old ones are under the same key.
func (m *merger) sealedFiles(out []byte, p part) ([]byte, error) {
	switch {
	case p.added != nil && p.added.File:
		return append(out, keys.Seal(m.from.key, fileAD(p.added.ID), p.added.Value.Reveal())...), nil
	case p.files == 0:
		return out, nil
	}
	end := len(out) + p.files
	out = slices.Grow(out, p.files)[:end]
	return out, m.from.read(m.from.files+p.offset, out[end-p.files:])
}
