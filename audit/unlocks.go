package audit

import (
	"cmp"
	"iter"
	"slices"

	"github.com/secr/secr/audit/cloudlog"
	"github.com/secr/secr/policy"
)

// Window is how far apart, in seconds, an unlock in a cloud's log and the receipt of
// the reading that it was for may be: a slow start, two clocks.
const Window = 300

// An UnlockState says what is known about an unlock.
type UnlockState string

// The states of unlocks.
const (
	// Receipted is an unlock to which there is a receipt.
	Receipted UnlockState = "receipt"
	// ByCloud opened a role by the cloud key alone, without a device. Such readers
	// write no receipts: the cloud's log is all there is.
	ByCloud UnlockState = "cloud"
	// Silent is an unlock that should have a receipt and has none: the client was
	// changed, the receipt is withheld or not published yet, or nothing was read.
	Silent UnlockState = "none"
	// Refused was attempted, and the cloud did not allow it.
	Refused UnlockState = "refused"
)

// Unlock is one use of one of the vault's cloud keys.
type Unlock struct {
	cloudlog.Event
	Key   policy.CloudKey
	State UnlockState
	Kind  string // role or cloud-share, where the cloud logs it
	Name  string // of the role, or of the environment
	Read  *Event // the reading that it was for, of Receipted
}

// Uses picks the decryptions that are of this vault out of clouds' logs.
type Uses struct {
	vault   string
	policy  *policy.Policy
	unlocks []Unlock
	other   int
}

// NewUses is for the vault with this id and policy.
func NewUses(vault string, p *policy.Policy) *Uses { return &Uses{vault: vault, policy: p} }

// Add takes in an event, if it is of one of the vault's cloud keys. AWS logs which
// vault was unlocked; nothing else that the key does can be an unlock of this one.
func (u *Uses) Add(e cloudlog.Event) {
	key, ok := u.key(e)
	if !ok {
		u.other++
		return
	}
	x := Unlock{Event: e, Key: key, Kind: e.Context["secr-kind"], Name: e.Context["secr-name"]}
	switch {
	case e.Failed != "":
		x.State = Refused
	case e.Provider == string(policy.AWS) && e.Context["secr-vault"] != u.vault:
		u.other++
		return
	case x.Kind == "role": // a device is asked before a cloud: who did this has none
		x.State = ByCloud
	}
	u.unlocks = append(u.unlocks, x)
}

// Other is how many decryptions were not of this vault.
func (u *Uses) Other() int { return u.other }

func (u *Uses) key(e cloudlog.Event) (policy.CloudKey, bool) {
	var found policy.CloudKey
	for _, c := range u.policy.CloudKeys() {
		if string(c.Provider) == e.Provider && slices.Contains(e.Keys, c.Key) && (found.ID == "" || c.Active()) {
			found = c
		}
	}
	return found, found.ID != ""
}

// Join finds a receipt for each unlock among readings. Each receipt explains one
// unlock of a key, the nearest in time, so that another unlock soon after an honest
// one stands out. The result is by time.
func (u *Uses) Join(reads iter.Seq2[Event, error]) ([]Unlock, error) {
	slices.SortStableFunc(u.unlocks, func(a, b Unlock) int { return cmp.Compare(a.Time, b.Time) })
	var pairs []pair
	for e, err := range reads {
		if err != nil {
			return nil, err
		}
		if e.Read == nil {
			continue
		}
		from, _ := slices.BinarySearchFunc(u.unlocks, e.Time-Window, func(x Unlock, t int64) int { return cmp.Compare(x.Time, t) })
		for i := from; i < len(u.unlocks) && u.unlocks[i].Time <= e.Time+Window; i++ {
			if x := u.unlocks[i]; x.State == "" && u.opens(x, e.Read.Environment) {
				pairs = append(pairs, pair{i, e, max(e.Time-x.Time, x.Time-e.Time)})
			}
		}
	}
	u.match(pairs)
	for i := range u.unlocks {
		x := &u.unlocks[i]
		switch {
		case x.State != "":
		case u.byCloud(i):
			x.State = ByCloud
		default:
			x.State = Silent
		}
	}
	return u.unlocks, nil
}

// byCloud says whether whoever unlocked a share opened a role by a cloud key about
// then: the second lock of a reader without a device.
func (u *Uses) byCloud(i int) bool {
	x := u.unlocks[i]
	from, _ := slices.BinarySearchFunc(u.unlocks, x.Time-Window, func(y Unlock, t int64) int { return cmp.Compare(y.Time, t) })
	for _, y := range u.unlocks[from:] {
		if y.Time > x.Time+Window {
			break
		}
		if y.Kind == "role" && y.State == ByCloud && y.Principal == x.Principal && y.Provider == x.Provider {
			return true
		}
	}
	return false
}

// pair is an unlock and a reading that it may have been for.
type pair struct {
	unlock int
	read   Event
	apart  int64
}

// match gives receipts to unlocks, the nearest first.
func (u *Uses) match(pairs []pair) {
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.apart, b.apart) })
	type use struct {
		device string
		number uint64
		sum    string
		key    string
	}
	used := map[use]bool{}
	for _, p := range pairs {
		x := &u.unlocks[p.unlock]
		by := use{p.read.Device, p.read.Read.Number, p.read.Read.Salt, x.Key.ID}
		if x.State == "" && !used[by] {
			used[by] = true
			x.State, x.Read = Receipted, &p.read
		}
	}
}

// opens says whether an unlock can have been for a reading of an environment.
func (u *Uses) opens(x Unlock, environment string) bool {
	if x.Kind == "cloud-share" {
		return x.Name == environment
	}
	e, ok := u.policy.Environment(environment)
	if !ok {
		return false
	}
	if x.Kind == "" && slices.Contains(e.RequireKMS, x.Key.ID) {
		return true
	}
	return slices.ContainsFunc(x.Key.Roles, func(name string) bool {
		r, ok := u.policy.Role(name)
		return ok && (r.Manage || r.Grants[environment] >= policy.Read)
	})
}
