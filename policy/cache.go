package policy

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// ErrCache says that bytes are not what [Policy.Encode] wrote. The caller drops them
// and reads the policy's files again.
var ErrCache = errors.New("policy: damaged cache")

const cacheMagic = "secr policy cache 2\n"

// Encode writes a valid policy for a cache on this machine, without the files of
// members: most of a large policy, of which most questions need none. The form is this
// release's own and may change with the next.
func (p *Policy) Encode() []byte {
	w := &writer{b: append(make([]byte, 0, 1<<14+160*p.members.count), cacheMagic...)}
	files := map[string][]byte{}
	p.eachButMembers(func(path string, raw []byte) { files[path] = raw })
	w.number(uint64(len(files)))
	for _, path := range slices.Sorted(maps.Keys(files)) {
		w.text(path)
		w.bytes(files[path])
	}
	w.text(p.manager)
	members := make([]*memberEntry, 0, p.members.count)
	devices := 0
	for _, m := range p.members.all {
		members = append(members, m)
		devices += len(m.brief.devices)
	}
	slices.SortFunc(members, func(a, b *memberEntry) int { return compare(a.brief.id, b.brief.id) })
	w.number(uint64(len(members)))
	w.number(uint64(devices))
	for _, m := range members {
		w.brief(&m.brief)
	}
	return w.b
}

// Decode reads what [Policy.Encode] wrote. It trusts it and checks no more than its
// form: the caller keeps the bytes where only this user writes, and under a sum that
// shows damage. The file of a member is read when it is first asked for; read must
// return the bytes that were in the policy, or an error, and may be called by several
// goroutines. A member whose file can't be read counts as retired from then on, and the
// policy writes nothing valid in its place.
func Decode(data []byte, read func(path string) ([]byte, error)) (*Policy, error) {
	rest, ok := strings.CutPrefix(string(data), cacheMagic)
	if !ok {
		return nil, ErrCache
	}
	r := &reader{rest: rest}
	p := empty()
	for n := r.number(); n > 0 && !r.failed; n-- {
		path := r.text()
		folder, _, ok := split(path)
		// It was written from canonical bytes, so that its spelling needs no look.
		if !ok || folder == memberFolder || p.readAs(path, []byte(r.text()), json.Unmarshal) != nil {
			return nil, ErrCache
		}
	}
	p.manager = r.text()
	p.members = r.crowd(read)
	if r.failed || r.rest != "" || p.format == nil || p.audit == nil {
		return nil, ErrCache
	}
	return p, nil
}

// writer appends to a cache.
type writer struct{ b []byte }

func (w *writer) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *writer) bytes(x []byte) {
	w.number(uint64(len(x)))
	w.b = append(w.b, x...)
}

func (w *writer) text(x string) {
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
	w.text(b.id)
	w.text(b.handle)
	w.flag(b.kind == Person)
	w.number(uint64(b.expires))
	w.flag(b.retired)
	w.text(strings.Join(b.roles, " "))
	w.number(uint64(len(b.devices)))
	for _, d := range b.devices {
		if d.id == b.id {
			w.number(0) // most members have one device
		} else {
			w.text(d.id)
		}
		w.b = append(append(w.b, d.sign[:]...), d.sum[:]...)
		w.number(uint64(d.expires))
		w.flag(d.retired)
	}
}

// reader reads a cache. After the first failure it returns zeros. What it returns
// shares the text that it reads.
type reader struct {
	rest   string
	failed bool
}

func (r *reader) number() uint64 {
	var n uint64
	for shift := 0; shift < 64 && shift/7 < len(r.rest); shift += 7 {
		b := r.rest[shift/7]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			r.rest = r.rest[shift/7+1:]
			return n
		}
	}
	r.failed, r.rest = true, ""
	return 0
}

func (r *reader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, ""
		return ""
	}
	x := r.rest[:n]
	r.rest = r.rest[n:]
	return x
}

func (r *reader) text() string { return r.take(r.number()) }

func (r *reader) array() (a [32]byte) {
	copy(a[:], r.take(32))
	return a
}

func (r *reader) flag() bool { return r.number() == 1 }

// least is how few bytes something of a cache can have.
const least = 8

// crowd reads all members. They are made in few pieces: a large team is read by every
// command.
func (r *reader) crowd(read func(path string) ([]byte, error)) crowd {
	n, d := r.number(), r.number()
	if most := uint64(len(r.rest) / least); n > most || d > most {
		r.failed = true
		return newCrowd()
	}
	entries, devices := make([]memberEntry, n), make([]briefDevice, 0, d)
	c := newCrowd()
	c.count = int(n)
	c.roster = &roster{members: make([]*memberEntry, n)}
	roles := map[string][]string{} // most have the same
	for i := range entries {
		m := &entries[i]
		devices = r.brief(&m.brief, devices, roles)
		id := m.brief.id
		if i > 0 && id <= entries[i-1].brief.id || r.failed {
			r.failed = true
			return c
		}
		m.read = read
		c.roster.members[i] = m
	}
	return c
}

// brief reads one member, whose devices it appends to those of all.
func (r *reader) brief(b *brief, devices []briefDevice, roles map[string][]string) []briefDevice {
	b.id, b.handle, b.kind = r.text(), r.text(), Service
	if r.flag() {
		b.kind = Person
	}
	b.expires, b.retired = int64(r.number()), r.flag()
	list := r.text()
	if b.roles = roles[list]; b.roles == nil && list != "" {
		b.roles = strings.Fields(list)
		roles[list] = b.roles
	}
	from := len(devices)
	for n := r.number(); n > 0 && !r.failed; n-- {
		id := r.text()
		if id == "" {
			id = b.id
		}
		devices = append(devices, briefDevice{id: id, sign: r.array(), sum: r.array(), expires: int64(r.number()), retired: r.flag()})
	}
	b.devices = devices[from:len(devices):len(devices)]
	return devices
}
