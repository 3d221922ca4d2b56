package team

import (
	"context"
	"errors"
	"slices"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
)

// Exposure is a value that is still in use and that somebody's keys could open
// when he had them.
type Exposure struct {
	vault.Entry        // without a label where this process may not list
	Until       uint64 // the last change at which he could open the environment
	Again       bool   // it was changed since, and is now once more what he could open
	Retired     bool   // the environment is out of use: the value can't be changed there
}

// Exposed lists the values that a member's keys open, or opened until they were
// taken away, and that have not been changed or deleted since. It is computed
// from the chain, and goes to nothing as values are changed. One that was put back
// since, or set again, counts, if this process may read it; who may not sees by when
// it was set. device narrows it to one device of his, by name or id; "" is all of them.
func Exposed(ctx context.Context, v *vault.Vault, handle, device string) ([]Exposure, error) {
	m, ok := v.Policy().MemberByHandle(handle)
	if !ok {
		return nil, about(ErrNoMember, handle)
	}
	l, err := ReadLedger(ctx, v)
	if err != nil {
		return nil, err
	}
	found := false
	for _, d := range m.Devices {
		found = found || device == "" || d.ID == device || d.Name == device
	}
	if !found {
		return nil, about(ErrNoDevice, handle+"/"+device)
	}
	return l.exposed(ctx, v, func(s Span) bool {
		return s.Holder.Member == m.ID && (device == "" || s.Holder.ID == device || s.Holder.Name == device)
	})
}

// Outstanding lists the values that anybody who lost access could have seen, and
// that have not been changed since: what is still to be done after people left.
// What is in retired environments can't be done there, and is left out. It costs next to nothing when nobody ever lost anything.
func Outstanding(ctx context.Context, v *vault.Vault) ([]Exposure, error) {
	if !turned(v.Policy()) {
		return nil, nil
	}
	l, err := ReadLedger(ctx, v)
	if err != nil {
		return nil, err
	}
	all, err := l.exposed(ctx, v, l.lost(v.Policy()))
	return slices.DeleteFunc(all, func(e Exposure) bool { return e.Retired }), err
}

// LostUntil says for each environment that somebody lost access to up to which change:
// what was set until then he could open, and it is no secret from him if it comes back.
func LostUntil(ctx context.Context, v *vault.Vault) (map[string]uint64, error) {
	if !turned(v.Policy()) {
		return nil, nil
	}
	l, err := ReadLedger(ctx, v)
	if err != nil {
		return nil, err
	}
	return l.until(l.lost(v.Policy())), nil
}

// Known picks the secrets of an environment, of those that were just written or left as
// they were, whose value somebody could have seen who has no access any more: for them
// nothing was changed. Where no value is an old one it costs next to nothing.
func Known(ctx context.Context, v *vault.Vault, environment string, entries []vault.Entry) ([]vault.Entry, error) {
	if !turned(v.Policy()) {
		return nil, nil
	}
	old, err := recurring(ctx, v, environment, v.Head().Seq, entries)
	if err != nil {
		return nil, err
	}
	suspects := slices.DeleteFunc(slices.Clone(entries), func(e vault.Entry) bool {
		return e.Deleted || e.Since == v.Head().Seq && !old[e.ID]
	})
	if len(suspects) == 0 {
		return nil, nil
	}
	lost, err := LostUntil(ctx, v)
	if err != nil {
		return nil, err
	}
	again, err := recurring(ctx, v, environment, lost[environment], suspects)
	return slices.DeleteFunc(suspects, func(e vault.Entry) bool { return e.Since > lost[environment] && !again[e.ID] }), err
}

// turned says that an environment's key ever turned; without that nobody lost one.
func turned(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Environments(), func(e policy.Environment) bool { return e.Epoch > 1 })
}

// lost finds the spans of those who can't open an environment any more.
func (l *Ledger) lost(p *policy.Policy) func(Span) bool {
	still := map[[2]string]bool{} // members and cloud keys that still open an environment
	for _, s := range l.Spans {
		if s.To == 0 && s.Level >= policy.Read && s.Holder.Member != "" {
			still[[2]string{s.Holder.Member, s.Environment}] = true
		}
	}
	return func(s Span) bool {
		// Whoever reads with another device, or again, knows the values anyway; but
		// a device that was taken away is in strange hands.
		return s.To != 0 && (lostDevice(p, s.Holder) || !still[[2]string{s.Holder.Member, s.Environment}])
	}
}

func lostDevice(p *policy.Policy, h Holder) bool {
	if h.Member == "" {
		c, _ := p.CloudKey(h.ID)
		return !c.Active()
	}
	m, d, _ := p.Device(h.ID)
	return !m.Active() || !d.Active()
}

// until is the last change at which a span that counts opened each environment.
func (l *Ledger) until(counts func(Span) bool) map[string]uint64 {
	until := map[string]uint64{}
	for _, s := range l.Spans {
		if s.Level < policy.Read || !counts(s) {
			continue
		}
		to := s.To
		if to == 0 {
			to = l.Head
		}
		until[s.Environment] = max(until[s.Environment], to)
	}
	return until
}

// exposed lists what the spans that count opened and that is as it was.
func (l *Ledger) exposed(ctx context.Context, v *vault.Vault, counts func(Span) bool) ([]Exposure, error) {
	until := l.until(counts)
	var out []Exposure
	for _, e := range v.Policy().Environments() {
		to, ok := until[e.Name]
		if !ok {
			continue
		}
		entries, err := entries(ctx, v, e)
		if err != nil {
			return nil, err
		}
		again, err := recurring(ctx, v, e.Name, to, slices.DeleteFunc(slices.Clone(entries), func(x vault.Entry) bool { return x.Since <= to }))
		if err != nil {
			return nil, err
		}
		for _, x := range entries {
			if !x.Deleted && (x.Since <= to || again[x.ID]) {
				out = append(out, Exposure{Entry: x, Until: to, Again: x.Since > to, Retired: e.Retired})
			}
		}
	}
	return out, nil
}

// recurring finds what was changed and is now again what it was up to a change; nothing
// where this process may not read.
func recurring(ctx context.Context, v *vault.Vault, environment string, until uint64, entries []vault.Entry) (map[string]bool, error) {
	var changed []string
	for _, x := range entries {
		if !x.Deleted && x.Version > 1 {
			changed = append(changed, x.ID)
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	again, err := v.Recurring(ctx, environment, until, changed)
	if unreadable(err) {
		return nil, nil
	}
	return again, err
}

// unreadable says that an error is about who asks, or about an environment out of use.
func unreadable(err error) bool {
	var denied *vault.DeniedError
	return errors.As(err, &denied) || errors.Is(err, vault.ErrNoEnvironment) || errors.Is(err, vault.ErrNotMember) || errors.Is(err, vault.ErrNoIdentity)
}

// entries lists an environment's secrets: with labels where this process may list,
// and what the chain says of them otherwise.
func entries(ctx context.Context, v *vault.Vault, e policy.Environment) ([]vault.Entry, error) {
	list, err := v.List(ctx, e.Name)
	if err == nil || !unreadable(err) {
		return list, err
	}
	for id, x := range v.State().Secrets(e.Name) {
		list = append(list, vault.Entry{
			Environment: e.Name, ID: id, Version: x.Version, Since: x.Since, Seq: x.Seq, Deleted: x.Deleted,
		})
	}
	return list, nil
}
