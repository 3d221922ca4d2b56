package vault

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/policy"
)

var (
	// ErrNoVault says that this machine has no vault of that id.
	ErrNoVault = errors.New("this machine has no such vault")
	// ErrNoIdentity says that a key was needed and the caller has no seed.
	ErrNoIdentity = errors.New("no identity on this machine")
	// ErrNotMember says that this identity has no device in the vault, or none any more.
	ErrNotMember = errors.New("this identity is no member's")
	// ErrExpired says that the member's or the device's time is over.
	ErrExpired = errors.New("this membership has expired")
	// ErrNoEnvironment says that there is no such environment, or that it is retired.
	ErrNoEnvironment = errors.New("no such environment")
	// ErrNoSecret says that an environment has no secret of that name, or no such version.
	ErrNoSecret = errors.New("no such secret")
	// ErrReadOnly says that an older state was asked to change.
	ErrReadOnly = errors.New("an older state can't be changed")
	// ErrMixed says that one draft holds changes of policy and of secrets.
	ErrMixed = errors.New("policy and secrets can't change in one change")
	// ErrDue says that an environment's key must turn before anything else there.
	ErrDue = errors.New("the environment's key must turn first, which needs its cloud key")
	// ErrNoReason says that policy wants to know why a value is read.
	ErrNoReason = errors.New("this environment wants a reason for every reading")
	// ErrNoWitness says that a reading without a witness was refused.
	ErrNoWitness = errors.New("a reading needs a witness")
	// ErrNoChange says that a change is not in the vault's history.
	ErrNoChange = errors.New("no such change")
	// ErrNotDescendant says that a state does not come after the head.
	ErrNotDescendant = errors.New("the state does not descend from the head")
	// ErrCloud says that a key needs a cloud that was not reached.
	ErrCloud = errors.New("a cloud key is needed and was not reached")
)

// CloudError says what cloud keys answered of which one had to open something, or take
// a key. It is an ErrCloud.
type CloudError struct {
	Failed []error // one of each key, which it names; one at least
}

// add takes in the answers of err that are not there yet: a key that holds two roles
// fails both.
func (e *CloudError) add(err error) {
	failed := []error{err}
	if several, ok := errors.AsType[*CloudError](err); ok {
		failed = several.Failed
	}
	for _, err := range failed {
		same := func(other error) bool { return other.Error() == err.Error() }
		if !slices.ContainsFunc(e.Failed, same) {
			e.Failed = append(e.Failed, err)
		}
	}
}

// Error gives the answer of the one key, or all of them in one line.
func (e *CloudError) Error() string {
	if len(e.Failed) == 1 {
		return e.Failed[0].Error()
	}
	all := make([]string, len(e.Failed))
	for i, err := range e.Failed {
		all[i] = err.Error()
	}
	return e.Headline() + ": " + strings.Join(all, "; ")
}

// Headline is what to say above a list of the answers.
func (e *CloudError) Headline() string {
	return fmt.Sprintf("none of %d cloud keys opened it", len(e.Failed))
}

// Unwrap gives ErrCloud and every answer.
func (e *CloudError) Unwrap() []error { return append([]error{ErrCloud}, e.Failed...) }

// NoSecretError is an [ErrNoSecret] that knows what was looked for.
type NoSecretError struct {
	Environment, Name string
	Version           uint64 // of a secret that has no value in it; 0 where there is no secret
}

// Error names the secret, and the version if that is what is missing.
func (e *NoSecretError) Error() string {
	if e.Version != 0 {
		return fmt.Sprintf("%s/%s has no value in version %d", e.Environment, e.Name, e.Version)
	}
	return fmt.Sprintf("%s: %s/%s", ErrNoSecret, e.Environment, e.Name)
}

// Is makes it an ErrNoSecret.
func (e *NoSecretError) Is(target error) bool { return target == ErrNoSecret }

// RetiredError is an [ErrNoEnvironment] of an environment that there was.
type RetiredError struct {
	Environment string
	Seq         uint64 // the change that retired it
}

// Error names the environment and the change.
func (e *RetiredError) Error() string {
	return fmt.Sprintf("%s was retired by change %d: nothing in it can be read or changed any more", e.Environment, e.Seq)
}

// Is makes it an ErrNoEnvironment.
func (e *RetiredError) Is(target error) bool { return target == ErrNoEnvironment }

// NameError says that a secret can't have a name.
type NameError struct{ Name string }

// Error tells which name and why. The name is the caller's own word.
func (e *NameError) Error() string {
	return fmt.Sprintf("%q is no name of a secret: letters, digits and _, at most 128, no digit first", e.Name)
}

// DeniedError says what a member lacks. Errors of this type are found with
// errors.As.
type DeniedError struct {
	Handle      string       // who
	Environment string       // where, or empty for the vault
	Need        policy.Level // on the environment
	Manage      bool         // needed on the vault
	Audit       bool         // needed on the vault
}

// Error names who lacks what.
func (e *DeniedError) Error() string {
	switch {
	case e.Manage:
		return fmt.Sprintf("%s may not manage this vault", e.Handle)
	case e.Audit:
		return fmt.Sprintf("%s may not audit this vault", e.Handle)
	}
	return fmt.Sprintf("%s has no %s on %s", e.Handle, e.Need, e.Environment)
}

// MovedError says that secrets have other values than a draft was made from.
type MovedError struct{ Now []Entry }

// Error names each and who changed it.
func (e *MovedError) Error() string {
	var out []string
	for _, x := range e.Now {
		did := "changed"
		if x.Deleted {
			did = "deleted"
		}
		out = append(out, fmt.Sprintf("%s/%s was %s by %s meanwhile", x.Environment, x.Label.Name, did, x.By))
	}
	return strings.Join(out, "; ")
}

// movedOf is the error of the results that moved, or nil.
func movedOf(results []result) error {
	e := &MovedError{}
	for _, r := range results {
		if r.moved {
			e.Now = append(e.Now, r.entry)
		}
	}
	if len(e.Now) == 0 {
		return nil
	}
	return e
}

// IntegrityError says that something verified by its hash does not hold what it
// must: a wrap that does not open, a key that is not the one committed to, a
// record whose content lies. Whoever signed the change made it so.
type IntegrityError struct {
	Path   string // the file
	Seq    uint64 // the change that brought it, 0 if unknown
	Signer string // the handle of its author, empty if unknown
	What   string // a sentence
	Err    error  // the cause, or nil
}

// Error names the file, the change and its signer.
func (e *IntegrityError) Error() string {
	s := fmt.Sprintf("%s: %s", e.Path, e.What)
	if e.Seq != 0 {
		s += fmt.Sprintf(", in change %d", e.Seq)
	}
	if e.Signer != "" {
		s += " signed by " + e.Signer
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *IntegrityError) Unwrap() error { return e.Err }

// named wraps a sentinel with what it is about.
func named(err error, what string) error { return fmt.Errorf("%w: %s", err, what) }
