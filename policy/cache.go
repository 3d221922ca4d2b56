package policy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// ErrCache says that bytes are not what [Policy.Encode] wrote. The caller drops them
// and reads the policy's files again.
var ErrCache = errors.New("policy: damaged cache")

const (
	cacheMagic   = "secr policy cache 1\n"
	outlineMagic = "secr policy outline 1\n"
)

// Encode writes a valid policy for a cache on this machine: its files, with what is
// needed to answer most questions about a large team without reading each member's.
// The same policy gives the same bytes. The form is this release's own and may change
// with the next.
func (p *Policy) Encode() []byte {
	return p.encodeCache(cacheMagic, func(w *writer, m *memberEntry) { w.bytes(m.bytes()) })
}

// EncodeOutline is [Policy.Encode] without the files of members, which are most of a
// large policy and of which most questions need none.
func (p *Policy) EncodeOutline() []byte {
	return p.encodeCache(outlineMagic, func(*writer, *memberEntry) {})
}

func (p *Policy) encodeCache(magic string, file func(*writer, *memberEntry)) []byte {
	w := &writer{b: []byte(magic)}
	w.number(uint64(len(p.members)))
	files := map[string][]byte{}
	p.eachButMembers(func(path string, raw []byte) { files[path] = raw })
	for _, path := range slices.Sorted(maps.Keys(files)) {
		w.bytes([]byte(path))
		w.bytes(files[path])
	}
	for _, id := range slices.Sorted(maps.Keys(p.members)) {
		w.bytes([]byte(MemberPath(id)))
		file(w, p.members[id])
		w.brief(&p.members[id].brief)
	}
	return w.b
}

// Decode reads what [Policy.Encode] wrote. It trusts it and checks no more than its
// form: the caller keeps the bytes where only this user writes, and under a sum that
// shows damage. The result shares data.
func Decode(data []byte) (*Policy, error) {
	return decodeCache(cacheMagic, data, func(r *reader, _ string, m *memberEntry) { m.raw = r.bytes() })
}

// DecodeOutline reads what [Policy.EncodeOutline] wrote, as [Decode] does. The file
// of a member is read when it is first asked for; read must return the bytes that
// were in the policy, or an error, and may be called by several goroutines. A member
// whose file can't be read counts as retired from then on, and the policy writes
// nothing valid in its place.
func DecodeOutline(data []byte, read func(path string) ([]byte, error)) (*Policy, error) {
	return decodeCache(outlineMagic, data, func(_ *reader, path string, m *memberEntry) {
		m.read = func() ([]byte, error) { return read(path) }
	})
}

func decodeCache(magic string, data []byte, file func(*reader, string, *memberEntry)) (*Policy, error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return nil, ErrCache
	}
	r := &reader{rest: rest}
	p := roomy(min(r.number(), MaxMembers))
	for len(r.rest) > 0 && !r.failed {
		path := string(r.bytes())
		folder, id, ok := split(path)
		switch {
		case !ok:
			return nil, ErrCache
		case folder == memberFolder:
			m := &memberEntry{}
			file(r, path, m)
			m.brief = r.brief()
			p.restoreMember(path, id, m)
		default:
			if err := p.read(path, r.bytes()); err != nil {
				return nil, ErrCache
			}
		}
	}
	if r.failed || p.format == nil || p.audit == nil {
		return nil, ErrCache
	}
	return p, nil
}

// roomy is an empty policy with room for so many members: growing maps would take
// most of the time of reading a cache.
func roomy(members uint64) *Policy {
	p := empty()
	p.members = make(map[string]*memberEntry, members)
	p.handles = make(map[string]string, members)
	p.devices = make(map[string]string, members)
	p.used = make(map[onceOnly]string, 2*members)
	return p
}

func (p *Policy) restoreMember(path, id string, m *memberEntry) {
	p.members[id] = m
	p.handles[m.brief.handle] = id
	for _, d := range m.brief.devices {
		p.devices[d.id] = id
		p.used[onceOnly{'s', d.sign}] = path
		p.used[onceOnly{'r', d.sum}] = path
	}
}

// writer appends to a cache.
type writer struct{ b []byte }

func (w *writer) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *writer) bytes(x []byte) {
	w.number(uint64(len(x)))
	w.b = append(w.b, x...)
}

func (w *writer) flag(on bool) {
	n := uint64(0)
	if on {
		n = 1
	}
	w.number(n)
}

func (w *writer) brief(b *brief) {
	w.bytes([]byte(b.handle))
	w.flag(b.kind == Person)
	w.number(uint64(b.expires))
	w.flag(b.retired)
	w.number(uint64(len(b.roles)))
	for _, r := range b.roles {
		w.bytes([]byte(r))
	}
	w.number(uint64(len(b.devices)))
	for _, d := range b.devices {
		w.bytes([]byte(d.id))
		w.b = append(append(w.b, d.sign[:]...), d.sum[:]...)
		w.number(uint64(d.expires))
		w.flag(d.retired)
	}
}

// reader reads a cache. After the first failure it returns zeros.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	x := r.rest[:n:n]
	r.rest = r.rest[n:]
	return x
}

func (r *reader) bytes() []byte { return r.take(r.number()) }

func (r *reader) array() (a [32]byte) {
	copy(a[:], r.take(32))
	return a
}

func (r *reader) flag() bool { return r.number() == 1 }

func (r *reader) brief() brief {
	b := brief{handle: string(r.bytes()), kind: Service}
	if r.flag() {
		b.kind = Person
	}
	b.expires, b.retired = int64(r.number()), r.flag()
	for n := r.number(); n > 0 && !r.failed; n-- {
		b.roles = append(b.roles, string(r.bytes()))
	}
	for n := r.number(); n > 0 && !r.failed; n-- {
		b.devices = append(b.devices, briefDevice{
			id: string(r.bytes()), sign: r.array(), sum: r.array(), expires: int64(r.number()), retired: r.flag(),
		})
	}
	return b
}
