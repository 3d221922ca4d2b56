package policy

import (
	"maps"
	"slices"
)

// Transition says whether new may follow old, as far as that can be told without a
// key and whoever asks for it: nothing is removed, what is retired stays as it is,
// ids and keys and handles are for ever, epochs advance by one and only with new
// keys, and every key has turned that [Turns] lists. Both must be valid. That
// nothing recurs follows: whatever was once used stays in the policy, where it may
// be once only.
//
// The error is an [*Error]: [ErrIncomplete] if a key should have turned, otherwise
// [ErrDenied]. Which member may ask for a change is the chain's to say.
func Transition(old, new *Policy) error {
	if new.Format() < old.Format() {
		return denied(FormatPath, "the format number goes down")
	}
	if err := auditTransition(old.audit.value, new.audit.value); err != nil {
		return err
	}
	for _, step := range []func(old, new *Policy) error{
		environmentTransitions, roleTransitions, memberTransitions, cloudTransitions, looseTransitions,
	} {
		if err := step(old, new); err != nil {
			return err
		}
	}
	for _, ref := range Turns(old, new) {
		if new.Epoch(ref) == old.Epoch(ref) {
			return incomplete(refPath(ref), "somebody loses the %s key, which must advance", ref)
		}
	}
	return nil
}

func refPath(ref KeyRef) string {
	switch ref.Kind {
	case RoleKey:
		return RolePath(ref.Name)
	case AuditKey:
		return AuditPath
	}
	return EnvironmentPath(ref.Name)
}

// epochTransition checks a key pair with epochs: the same, or one further with
// another recipient and the old one among the earlier.
func epochTransition(path string, old, new Audit) error {
	switch {
	case new.Epoch == old.Epoch:
		if new.Recipient != old.Recipient || !slices.Equal(new.Earlier, old.Earlier) {
			return denied(path, "another recipient, or other earlier ones, in the same epoch")
		}
	case new.Epoch == old.Epoch+1:
		if !slices.Equal(new.Earlier, append(slices.Clip(old.Earlier), RecipientSum(old.Recipient))) {
			return denied(path, "earlier is not what it was and the recipient of the epoch before")
		}
	default:
		return denied(path, "epoch goes down or advances by more than one")
	}
	return nil
}

func auditTransition(old, new *Audit) error { return epochTransition(AuditPath, *old, *new) }

func environmentTransitions(old, new *Policy) error {
	return each(old.environments, new.environments, EnvironmentPath, environmentTransition)
}

func environmentTransition(path string, old, new *Environment) error {
	if old == nil {
		if new.Retired || new.Due || new.Epoch != 1 {
			return denied(path, "a new environment begins at epoch 1, neither retired nor due")
		}
		return nil
	}
	if old.Retired {
		return unchanged(path, sameEnvironment(old, new))
	}
	n := len(old.EnvironmentCommitments)
	advanced := new.Epoch == old.Epoch+1
	switch {
	case new.Epoch != old.Epoch && !advanced:
		return denied(path, "epoch goes down or advances by more than one")
	case !slices.Equal(new.EnvironmentCommitments[:n], old.EnvironmentCommitments), !slices.Equal(new.NamesCommitments[:n], old.NamesCommitments):
		return denied(path, "a commitment of an earlier epoch changes")
	case new.IDCommitment != old.IDCommitment:
		return denied(path, "the id key's commitment changes")
	case new.Retired:
		flipped := *old
		flipped.Retired = true
		if old.Due || !sameEnvironment(&flipped, new) {
			return denied(path, "what is being retired may not change otherwise")
		}
	case old.Due && !advanced && !sameEnvironment(old, new):
		return denied(path, "the environment is due: nothing may change before its key turns")
	case new.Due && advanced:
		return denied(path, "an environment whose key turns is not due")
	case new.Due && len(old.RequireKMS) == 0:
		return denied(path, "only an environment that needed a cloud key before may be due")
	}
	return nil
}

func sameEnvironment(a, b *Environment) bool {
	x, y := *a, *b
	lists := slices.Equal(x.EnvironmentCommitments, y.EnvironmentCommitments) && slices.Equal(x.NamesCommitments, y.NamesCommitments) &&
		slices.Equal(x.AllowNames, y.AllowNames) && slices.Equal(x.RequireKMS, y.RequireKMS)
	return lists && x.Name == y.Name && x.Epoch == y.Epoch && x.IDCommitment == y.IDCommitment && x.Due == y.Due &&
		x.RequireReason == y.RequireReason && x.MaxAge == y.MaxAge && x.Receipts == y.Receipts && x.Retired == y.Retired
}

func roleTransitions(old, new *Policy) error {
	if err := each(old.roles, new.roles, RolePath, roleTransition); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(new.roles)) {
		was, is := &Role{}, new.roles[name].value
		if e := old.roles[name]; e != nil {
			was = e.value
		}
		for _, env := range slices.Sorted(maps.Keys(is.Grants)) {
			before, after := was.Grants[env], is.Grants[env]
			if after <= before {
				continue
			}
			e := new.environments[env].value
			if e.Retired {
				return denied(RolePath(name), "a grant on %s, which is retired", env)
			}
			if e.Due && min(after, Read) > min(before, Read) {
				return denied(RolePath(name), "a grant on %s, which is due: no key there can be wrapped before it turns", env)
			}
		}
	}
	return nil
}

func roleTransition(path string, old, new *Role) error {
	if old == nil {
		if new.Retired || new.Epoch != 1 {
			return denied(path, "a new role begins at epoch 1, not retired")
		}
		return nil
	}
	if old.Retired {
		return unchanged(path, sameRole(old, new))
	}
	if new.Retired {
		flipped := *old
		flipped.Retired = true
		if !sameRole(&flipped, new) {
			return denied(path, "what is being retired may not change otherwise")
		}
	}
	return epochTransition(path, Audit{old.Epoch, old.Recipient, old.Earlier}, Audit{new.Epoch, new.Recipient, new.Earlier})
}

func sameRole(a, b *Role) bool {
	return a.Name == b.Name && a.Epoch == b.Epoch && a.Recipient == b.Recipient && slices.Equal(a.Earlier, b.Earlier) &&
		maps.Equal(a.Grants, b.Grants) && a.Manage == b.Manage && a.Audit == b.Audit && a.Retired == b.Retired
}

// each walks the union of two maps by name. Nothing may be missing in new.
func each[T any](old, new map[string]*entry[T], path func(string) string, step func(path string, old, new *T) error) error {
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if new[name] == nil {
			return denied(path(name), "the file is removed: things are retired, never removed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(new)) {
		var was *T
		if e := old[name]; e != nil {
			was = e.value
		}
		if was == new[name].value {
			continue
		}
		if err := step(path(name), was, new[name].value); err != nil {
			return err
		}
	}
	return nil
}

func unchanged(path string, same bool) error {
	if !same {
		return denied(path, "it is retired and may not change")
	}
	return nil
}

// Founded says whether p may be the policy of a new vault: everything is in use and at
// its first epoch, and nobody is there but one member with one device. That he is the
// founder, the chain says.
func Founded(p *Policy) error {
	if p.Format() != Format {
		return denied(FormatPath, "a vault is founded with format %d", Format)
	}
	if p.members.count != 1 {
		return denied(memberFolder, "a vault is founded by one member")
	}
	if p.audit.value.Epoch != 1 {
		return denied(AuditPath, "a new audit key begins at epoch 1")
	}
	if len(p.invites) > 0 || len(p.cloudKeys) > 0 {
		return denied(Folder, "a vault is founded without invites and cloud keys")
	}
	for id, m := range p.members.all {
		if len(m.brief.devices) != 1 {
			return denied(MemberPath(id), "a vault is founded with one device")
		}
	}
	blank := empty()
	for _, step := range []func(old, new *Policy) error{environmentTransitions, roleTransitions, memberTransitions} {
		if err := step(blank, p); err != nil {
			return err
		}
	}
	return nil
}
