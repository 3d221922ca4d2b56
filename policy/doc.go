// Package policy is who may do what in a vault: members and their devices, roles
// and their grants, environments, cloud keys, templates and open invites, as pure
// values. It does no input or output, uses no key and asks no clock: whether a
// policy is valid depends on its bytes alone.
//
// A vault's policy is a set of small files under policy/, each in the one spelling
// of package vault/canonical. [Parse] reads all of them and [Policy.With] applies
// the files that a change touches; both check every file's own shape and all that
// the files say about each other, so a [Policy] that they return is valid. Three
// questions then have one answer each, for those who write a change and for those
// who verify it:
//
//   - [Transition]: what may a new policy not do to an old one, whoever asks?
//   - [Turns]: which keys must advance, because somebody loses them?
//   - [KeyChanges]: which wraps must a change write, and for whom?
//
// To edit a policy, take a [Policy.Clone], put the changed values into it, and
// [Policy.Check] the draft: that writes the files and reads them back through the
// same door as a stranger's.
//
// The formats are in docs/spec/policy.md, complete to the byte.
package policy
