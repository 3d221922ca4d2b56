package team

import (
	"context"
	"fmt"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// Holder is who opens: a member's device, or a cloud key.
type Holder struct {
	ID     string // of the device or the cloud key
	Member string // id of the device's member; "" for a cloud key
	Handle string // the member's; "" for a cloud key
	Name   string // the device's, or the cloud key's full name
}

// Span is a stretch of changes over which a holder's keys opened an environment at
// one level.
type Span struct {
	Holder      Holder
	Environment string
	Level       policy.Level
	From        uint64 // the change that gave it
	To          uint64 // the last change before it ended; 0 is still
}

// Ledger is who could open what, from the founding change on. It is computed from
// the verified chain each time, and stored nowhere.
type Ledger struct {
	Head  uint64
	Spans []Span // in the order in which they began

	open    map[[2]string]int    // index of the span that has not ended, by holder and environment
	roles   map[[2]string]uint64 // change since which a member has a role
	grants  map[[2]string]uint64 // change since which a role has its level on an environment
	manages map[string]uint64    // change since which a role manages
	policy  *policy.Policy
}

// ReadLedger goes through all changes of policy up to the head.
func ReadLedger(ctx context.Context, v *vault.Vault) (*Ledger, error) {
	l := &Ledger{
		Head: v.Head().Seq, open: map[[2]string]int{}, roles: map[[2]string]uint64{},
		grants: map[[2]string]uint64{}, manages: map[string]uint64{},
	}
	var tree repo.Hash
	for seq := uint64(1); seq <= l.Head; seq++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next, err := policyTree(v, seq)
		if err != nil {
			return nil, err
		}
		if next == tree {
			continue
		}
		if err := l.step(v, seq, tree, next); err != nil {
			return nil, fmt.Errorf("policy of change %d: %w", seq, err)
		}
		tree = next
	}
	return l, nil
}

// policyTree is the tree under policy/ that a change left. Its id is part of what
// was verified.
func policyTree(v *vault.Vault, seq uint64) (repo.Hash, error) {
	link, _ := v.State().Link(seq)
	raw, err := v.Repo().Commit(link.ID)
	if err != nil {
		return repo.Hash{}, fmt.Errorf("read change %d: %w", seq, err)
	}
	c, err := change.Parse(raw)
	if err != nil {
		return repo.Hash{}, err
	}
	root, err := v.Repo().Tree(c.Tree)
	if err != nil {
		return repo.Hash{}, fmt.Errorf("read the tree of change %d: %w", seq, err)
	}
	for _, e := range root {
		if e.Name+"/" == policy.Folder {
			return e.Hash, nil
		}
	}
	return repo.Hash{}, fmt.Errorf("change %d has no policy", seq)
}

// step takes in one change of policy.
func (l *Ledger) step(v *vault.Vault, seq uint64, old, new repo.Hash) error {
	diff, err := repo.Diff(v.Repo(), old, new, policy.MaxFiles)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	members := []string{}
	everybody := false
	for _, d := range diff {
		path := policy.Folder + d.Path
		files[path] = nil
		if !d.New.IsZero() {
			if files[path], err = v.Repo().Blob(d.New); err != nil {
				return err
			}
		}
		if id, ok := strings.CutPrefix(d.Path, "members/"); ok {
			members = append(members, strings.TrimSuffix(id, ".json"))
		} else if !strings.HasPrefix(d.Path, "invites/") && !strings.HasPrefix(d.Path, "templates/") {
			everybody = true
		}
	}
	p, err := nextPolicy(l.policy, files)
	if err != nil {
		return err
	}
	l.policy = p
	l.noteRoles(seq, p)
	if everybody {
		members = nil
		for _, m := range p.Members() {
			members = append(members, m.ID)
		}
		for _, c := range p.CloudKeys() {
			l.noteCloudKey(seq, p, c)
		}
	}
	for _, id := range members {
		if m, ok := p.Member(id); ok {
			l.noteMember(seq, p, m)
		}
	}
	return nil
}

func nextPolicy(p *policy.Policy, files map[string][]byte) (*policy.Policy, error) {
	if p == nil {
		return policy.Parse(files)
	}
	return p.With(files)
}

// noteRoles keeps since when each role grants and manages.
func (l *Ledger) noteRoles(seq uint64, p *policy.Policy) {
	for _, r := range p.Roles() {
		if r.Active() && r.Manage && l.manages[r.Name] == 0 {
			l.manages[r.Name] = seq
		} else if !r.Active() || !r.Manage {
			delete(l.manages, r.Name)
		}
		for _, e := range p.Environments() {
			at := [2]string{r.Name, e.Name + " " + r.Grants[e.Name].String()}
			if r.Active() && r.Grants[e.Name] != policy.None {
				if l.grants[at] == 0 {
					l.grants[at] = seq
				}
			}
			for _, level := range []policy.Level{policy.List, policy.Read, policy.Write} {
				if !r.Active() || level != r.Grants[e.Name] {
					delete(l.grants, [2]string{r.Name, e.Name + " " + level.String()})
				}
			}
		}
	}
}

// noteMember keeps since when a member has his roles, and what his devices open.
func (l *Ledger) noteMember(seq uint64, p *policy.Policy, m policy.Member) {
	for _, r := range p.Roles() {
		at := [2]string{m.ID, r.Name}
		if !m.Active() || !m.Has(r.Name) {
			delete(l.roles, at)
		} else if l.roles[at] == 0 {
			l.roles[at] = seq
		}
	}
	for _, d := range m.Devices {
		h := Holder{ID: d.ID, Member: m.ID, Handle: m.Handle, Name: d.Name}
		for _, e := range p.Environments() {
			level := policy.None
			if m.Active() && d.Active() {
				level = opens(p, m.ID, e)
			}
			l.note(seq, h, e.Name, level)
		}
	}
}

// opens is the level that a member's keys give on an environment: who manages
// reads everything.
func opens(p *policy.Policy, memberID string, e policy.Environment) policy.Level {
	level := p.Level(memberID, e.Name)
	if e.Active() && p.Manages(memberID) {
		level = max(level, policy.Read)
	}
	return level
}

func (l *Ledger) noteCloudKey(seq uint64, p *policy.Policy, c policy.CloudKey) {
	h := Holder{ID: c.ID, Name: c.Key}
	for _, e := range p.Environments() {
		level := policy.None
		for _, name := range c.Roles {
			r, ok := p.Role(name)
			if !ok || !r.Active() || !c.Active() || !e.Active() || contains(c.Waiting, name) {
				continue
			}
			level = max(level, min(r.Grants[e.Name], policy.Read)) // it reads, and never signs
			if r.Manage {
				level = max(level, policy.Read)
			}
		}
		l.note(seq, h, e.Name, level)
	}
}

// note ends and begins spans where a level changed.
func (l *Ledger) note(seq uint64, h Holder, environment string, level policy.Level) {
	at := [2]string{h.ID, environment}
	i, ok := l.open[at]
	if ok && l.Spans[i].Level == level {
		return
	}
	if ok {
		l.Spans[i].To = seq - 1
		delete(l.open, at)
	}
	if level != policy.None {
		l.open[at] = len(l.Spans)
		l.Spans = append(l.Spans, Span{Holder: h, Environment: environment, Level: level, From: seq})
	}
}

func contains(list []string, x string) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}
