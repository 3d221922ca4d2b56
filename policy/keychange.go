package policy

import (
	"slices"
	"strconv"
	"strings"
)

// KeyChange is what a change of policy asks of one key's files under keys/.
type KeyChange struct {
	Ref KeyRef
	// Old and New are its epochs before and after; Old is 0 for a new key. If they
	// are equal, the wraps that are there stay as they are. If not, the folder of Old
	// loses everything but its file previous.
	Old, New uint64
	Wraps    []KeyFile // the wraps to add, by path
	Sealed   []string  // the paths of the other files to add: id, previous
}

// KeyChanges lists, for every key whose files must change when new follows old, what
// must be added; no other file under keys/ may be. old is nil for a new vault. An
// environment that new marks as due, and whatever is retired, is left as it was.
// It assumes what [Transition] checks.
func KeyChanges(old, new *Policy) []KeyChange {
	if old == nil {
		old = empty()
	}
	var out []KeyChange
	for _, ref := range new.keys() {
		if ref.Kind == EnvironmentKey && new.environments[ref.Name].value.Due {
			continue
		}
		c := KeyChange{Ref: ref, Old: old.Epoch(ref), New: new.Epoch(ref)}
		switch {
		case c.Old != c.New:
			c.Wraps, c.Sealed = new.KeyFiles(ref), sealedFiles(ref, c.New)
		case ref.Kind == RoleKey:
			c.Wraps = addedHolders(old, new, ref)
		default:
			had := map[string]bool{}
			for _, f := range old.KeyFiles(ref) {
				had[f.Path] = true
			}
			c.Wraps = slices.DeleteFunc(new.KeyFiles(ref), func(f KeyFile) bool { return had[f.Path] })
		}
		if c.Old != c.New || len(c.Wraps) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// PreviousPath is where the key of epoch-1 is, sealed under the one of this epoch.
func PreviousPath(ref KeyRef, epoch uint64) string { return KeyFolder(ref, epoch) + "previous" }

// IDKeyPath is where an environment's id key is, sealed under an epoch's names key.
func IDKeyPath(environment string, epoch uint64) string {
	return KeyFolder(KeyRef{EnvironmentKey, environment}, epoch) + "id"
}

// sealedFiles lists the files of an epoch that are not wraps to somebody.
func sealedFiles(ref KeyRef, epoch uint64) []string {
	var out []string
	if ref.Kind == EnvironmentKey {
		out = append(out, IDKeyPath(ref.Name, epoch))
	}
	if ref.Kind != RoleKey && epoch > 1 {
		out = append(out, PreviousPath(ref, epoch))
	}
	return out
}

// addedHolders lists the wraps of a role's key that new has and old has not. It looks
// only at what differs: a team of thousands gets one member in little time.
func addedHolders(old, new *Policy, ref KeyRef) []KeyFile {
	var out []KeyFile
	folder := KeyFolder(ref, new.Epoch(ref))
	for was, is := range differing(&old.members, &new.members) {
		if is == nil {
			continue
		}
		for _, h := range is.holders(ref.Name) {
			if was == nil || !was.brief.holds(ref.Name, h.ID) {
				out = append(out, roleFile(folder, h))
			}
		}
	}
	for id, is := range new.cloudKeys {
		was := old.cloudKeys[id]
		if is != was && is.value.opens(ref.Name) && (was == nil || !was.value.opens(ref.Name)) {
			out = append(out, roleFile(folder, Holder{ID: id, Cloud: true}))
		}
	}
	for name, r := range new.roles {
		if name == ref.Name || r.value.Retired || !r.value.Manage {
			continue
		}
		if was := old.roles[name]; was == nil || was.value.Retired || !was.value.Manage {
			out = append(out, KeyFile{Path: folder + "@" + name + ".age", Kind: WrapRole, Recipient: r.value.Recipient})
		}
	}
	slices.SortFunc(out, func(a, b KeyFile) int { return compare(a.Path, b.Path) })
	return out
}

// ParseKeyPath reads a path below keys/ into the key and the epoch whose folder it is
// in, and the rest of the path.
func ParseKeyPath(path string) (ref KeyRef, epoch uint64, rest string, ok bool) {
	for _, k := range []struct {
		folder string
		kind   KeyKind
	}{{roleKeys, RoleKey}, {environmentKeys, EnvironmentKey}, {auditKeys, AuditKey}} {
		inner, found := strings.CutPrefix(path, k.folder)
		if !found {
			continue
		}
		ref.Kind = k.kind
		if k.kind != AuditKey {
			if ref.Name, inner, found = strings.Cut(inner, "/"); !found || !ValidName(ref.Name) {
				return KeyRef{}, 0, "", false
			}
		}
		number, rest, found := strings.Cut(inner, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if !found || rest == "" || err != nil || n < 1 || n > MaxEpoch || strconv.FormatUint(n, 10) != number {
			return KeyRef{}, 0, "", false
		}
		return ref, n, rest, true
	}
	return KeyRef{}, 0, "", false
}
