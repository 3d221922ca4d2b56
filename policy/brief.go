package policy

import (
	"crypto/sha256"
	"encoding/json"
)

// brief is what questions about all members need to know of one.
type brief struct {
	id      string
	handle  string
	kind    MemberKind
	roles   []string
	expires int64
	retired bool
	devices []briefDevice
}

type briefDevice struct {
	id      string
	sign    [32]byte
	sum     [32]byte // SHA-256 of the recipient
	expires int64
	retired bool
}

func newMember(m *Member, raw []byte) *memberEntry {
	b := brief{id: m.ID, handle: m.Handle, kind: m.Kind, roles: m.Roles, expires: m.Expires, retired: m.Retired}
	for _, d := range m.Devices {
		b.devices = append(b.devices, briefDevice{
			id: d.ID, sign: d.Sign, sum: sha256.Sum256([]byte(d.Recipient)), expires: d.Expires, retired: d.Retired,
		})
	}
	return &memberEntry{raw: raw, brief: b, full: m}
}

// bytes returns the member's file. It is empty, and no member's, when a policy from a
// cache could not read it.
func (m *memberEntry) bytes() []byte {
	m.load.Do(func() {
		if m.raw != nil || m.read == nil {
			return
		}
		raw, err := m.read(MemberPath(m.brief.id))
		if err != nil || raw == nil {
			raw = []byte{}
		}
		m.raw = raw
	})
	return m.raw
}

// member returns the whole member. It reads the file at the first call if the entry
// came from a cache.
func (m *memberEntry) member() *Member {
	m.once.Do(func() {
		if m.full != nil {
			return
		}
		full := new(Member)
		// The bytes were checked when the cache was written, and the cache's own sum
		// when it was read. Should they still not parse, nobody gets a right from it.
		if err := json.Unmarshal(m.bytes(), full); err != nil {
			full = &Member{ID: m.brief.id, Handle: m.brief.handle, Retired: true}
		}
		m.full = full
	})
	return m.full
}
