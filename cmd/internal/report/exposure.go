package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/team"
)

// Loss is one change that took access from somebody, and how far what he could have
// seen has been changed since.
type Loss struct {
	Who, When, Environments string
	Total, Changed, Left    int
}

// Exposed is a value that somebody who lost access could have seen.
type Exposed struct {
	Environment, Name, Version, Since string
}

const maxExposed = 200

// lossKey is who lost something by which change.
type lossKey struct {
	who string
	seq uint64
}

// losses are the ends of access that count: he reads no longer, or the device may be
// in strange hands.
func (m *maker) losses() map[lossKey]map[string]uint64 {
	p := m.o.Vault.Policy()
	still := map[[2]string]bool{}
	for _, s := range m.ledger.Spans {
		if s.To == 0 && s.Level >= policy.Read && s.Holder.Member != "" {
			still[[2]string{s.Holder.Member, s.Environment}] = true
		}
	}
	out := map[lossKey]map[string]uint64{}
	for _, s := range m.ledger.Spans {
		gone := false
		if member, device, ok := p.Device(s.Holder.ID); ok {
			gone = !member.Active() || !device.Active()
		} else if c, ok := p.CloudKey(s.Holder.ID); ok {
			gone = !c.Active()
		}
		if s.To == 0 || s.Level < policy.Read || !gone && still[[2]string{s.Holder.Member, s.Environment}] {
			continue
		}
		key := lossKey{holderName(s.Holder), s.To + 1}
		if out[key] == nil {
			out[key] = map[string]uint64{}
		}
		out[key][s.Environment] = s.To
	}
	return out
}

// watched are the changes at which the number of secrets is asked for.
func (m *maker) watched() map[uint64]map[string]int {
	out := map[uint64]map[string]int{}
	for _, environments := range m.losses() {
		for _, to := range environments {
			out[to] = nil
		}
	}
	return out
}

// exposure lists what is to be changed, and what has been.
func (m *maker) exposure(ctx context.Context) error {
	list, err := team.Outstanding(ctx, m.o.Vault)
	if err != nil {
		return err
	}
	m.sums["exposed"] = len(list)
	for _, x := range list[:min(len(list), maxExposed)] {
		m.page.Outstanding = append(m.page.Outstanding, Exposed{
			Environment: x.Environment, Name: m.name(x.Environment, x.ID), Version: fmt.Sprint(x.Version), Since: m.change(x.Since),
		})
	}
	m.page.Left = len(list) - len(m.page.Outstanding)
	losses := m.losses()
	keys := make([]lossKey, 0, len(losses))
	for k := range losses {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b lossKey) int { return cmp.Or(cmp.Compare(b.seq, a.seq), cmp.Compare(a.who, b.who)) })
	for _, k := range keys {
		l := Loss{Who: short(k.who, 40), When: m.change(k.seq)}
		var names []string
		for environment, to := range losses[k] {
			if e, ok := m.o.Vault.Policy().Environment(environment); !ok || !e.Active() {
				continue // its values can't be changed there
			}
			names = append(names, environment)
			l.Total += m.seen.watch[to][environment]
			for _, x := range m.o.Vault.State().Secrets(environment) {
				if !x.Deleted && x.Since <= to {
					l.Left++
				}
			}
		}
		slices.Sort(names)
		l.Environments, l.Changed = term.Clean(strings.Join(names, ", ")), l.Total-l.Left
		if l.Total > 0 {
			m.page.Losses = append(m.page.Losses, l)
		}
	}
	return nil
}
