package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// past answers questions about earlier states of a vault without going through all
// of them.
type past struct {
	v     *vault.Vault
	spans map[string]span
}

// span is from which change on a device was a member's, and which one ended that; 0
// if none did.
type span struct{ from, to uint64 }

func newPast(v *vault.Vault) *past { return &past{v: v, spans: map[string]span{}} }

// device says when a device of the policy was in use. Devices come once and go once,
// so the changes can be searched by halving.
func (p *past) device(id string) (span, error) {
	if s, ok := p.spans[id]; ok {
		return s, nil
	}
	m, d, ok := p.v.Policy().Device(id)
	if !ok {
		return span{}, fmt.Errorf("no device %s", id)
	}
	head := p.v.Head().Seq
	var failed error
	first := func(is func(policy.Member, policy.Device) bool) uint64 {
		return 1 + uint64(sort.Search(int(head), func(i int) bool {
			then, device, err := p.deviceAt(m.ID, id, uint64(i)+1)
			if err != nil {
				failed = err
			}
			return is(then, device)
		}))
	}
	s := span{from: first(func(_ policy.Member, d policy.Device) bool { return d.ID != "" })}
	if !m.Active() || !d.Active() {
		s.to = first(func(m policy.Member, d policy.Device) bool { return d.ID != "" && (m.Retired || d.Retired) })
	}
	if failed == nil {
		p.spans[id] = s
	}
	return s, failed
}

// deviceAt is a member and a device as a change left them; empty if they were not
// there yet.
func (p *past) deviceAt(member, device string, seq uint64) (policy.Member, policy.Device, error) {
	data, err := p.file(seq, policy.MemberPath(member))
	if err != nil || data == nil {
		return policy.Member{}, policy.Device{}, err
	}
	var m policy.Member
	if err := json.Unmarshal(data, &m); err != nil { // a verified change left it: it is well formed
		return policy.Member{}, policy.Device{}, err
	}
	i := slices.IndexFunc(m.Devices, func(d policy.Device) bool { return d.ID == device })
	if i < 0 {
		return m, policy.Device{}, nil
	}
	return m, m.Devices[i], nil
}

// file is a file as a change left it; nil if it was not there.
func (p *past) file(seq uint64, path string) ([]byte, error) {
	link, ok := p.v.State().Link(seq)
	if !ok {
		return nil, fmt.Errorf("no change %d", seq)
	}
	r := p.v.Repo()
	raw, err := r.Commit(link.ID)
	if err != nil {
		return nil, fmt.Errorf("read change %d: %w", seq, err)
	}
	c, err := change.Parse(raw)
	if err != nil {
		return nil, err
	}
	at := repo.Hash(c.Tree)
	for name := range strings.SplitSeq(path, "/") {
		entries, err := r.Tree(at)
		if err != nil {
			return nil, fmt.Errorf("read the tree of change %d: %w", seq, err)
		}
		i := slices.IndexFunc(entries, func(e repo.Entry) bool { return e.Name == name })
		if i < 0 {
			return nil, nil
		}
		at = entries[i].Hash
	}
	return r.Blob(at)
}
