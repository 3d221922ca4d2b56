// Package audit tells who did what in a vault, and proves it as far as it can be
// proved.
//
// Changes are the vault's chain: complete, ordered and signed. Readings are
// receipts, which each device writes before a value leaves (package receipt) and
// publishes from time to time: [Exchange] puts them on a branch of their own, in
// batches that are signed by the device and sealed to those who audit. [Log] is both
// as one stream; [Verify] checks everything that this identity's keys and this
// machine's memory let it check; [Export] writes a proof that a third party checks
// without the vault, by [CheckProof].
//
// What receipts can't tell is said wherever it matters: a changed client can read
// silently what its keys open, the end of a device's receipts can be withheld, and
// who reads by a cloud key alone leaves a trace in the cloud's log only.
package audit

import (
	"fmt"

	"github.com/secr/secr/vault/repo"
)

// A Class is the kind of a finding. The first ones are words of docs/spec.
type Class string

// The classes of findings.
const (
	Malformed    Class = "malformed"     // not in the form that it must have
	BadSignature Class = "bad-signature" // not signed by whom it names
	Denied       Class = "denied"        // by somebody who had no right to it
	Incomplete   Class = "incomplete"    // something is missing that must be there
	Tampered     Class = "tampered"      // not what a hash or a commitment fixes
	Rewind       Class = "rewind"        // less than was seen before
	Gap          Class = "gap"           // receipts between others are missing
	Fork         Class = "fork"          // two futures of one past
	Unreadable   Class = "unreadable"    // could not be looked at
)

// Finding is something that is wrong, or that somebody should know.
type Finding struct {
	Class Class
	// Note says that this may be innocent: the reader is told, and nothing fails.
	Note   bool
	What   string // a sentence
	Seq    uint64 // the change, 0 if it is about none
	Commit repo.Hash
	Path   string // the file, or empty
	Device string // id of the device, or empty
	Handle string // of its member
	// Proof is what somebody else needs to see it with their own eyes.
	Proof []string
}

// Error says it in one line.
func (f *Finding) Error() string {
	s := string(f.Class) + ": " + f.What
	if f.Seq != 0 {
		s = fmt.Sprintf("change %d: %s", f.Seq, s)
	}
	if f.Handle != "" {
		s += " (" + f.Handle + ")"
	}
	return s
}
