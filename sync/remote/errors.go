package remote

import (
	"errors"
	"fmt"
)

// Kind is the reason why a network step failed, one for each thing that a person would
// do about it.
type Kind int

// The kinds of failure.
const (
	// Unknown is a failure that has no kind of its own; the message says what is known.
	Unknown Kind = iota
	// NoHost: the host's name can't be resolved.
	NoHost
	// Unreachable: there is no way to the host, or the connection broke.
	Unreachable
	// Refused: the host answers, but nothing listens there.
	Refused
	// Timeout: the deadline passed, or nothing moved for too long.
	Timeout
	// Interrupted: the caller's context ended.
	Interrupted
	// Authentication: the host doesn't know, or doesn't let in, this user.
	Authentication
	// UnknownHostKey: ssh has not seen this host before.
	UnknownHostKey
	// ChangedHostKey: the ssh host shows another key than the one on record.
	ChangedHostKey
	// Certificate: the https host's certificate is not good.
	Certificate
	// NoRepository: there is no repository at this address, or none that this user may see.
	NoRepository
	// NoBranch: the repository is there, the branch is not.
	NoBranch
	// Moved: the branch is no longer what the caller expected. Fetch and try again.
	Moved
	// Locked: the branch has a lock, and nobody knows who left it; in a folder see [LockError].
	Locked
	// Rejected: a hook or a protected branch refused the push.
	Rejected
	// Quota: the host has no room for this, or gets too many requests.
	Quota
	// TooMuch: the host sent more than the limits of a fetch allow.
	TooMuch
	// Broken: what the host sent is not Git's protocol, or damaged.
	Broken
	// Unsupported: this transport can't do what the remote or the settings ask for.
	Unsupported
	// NoGit: the git program can't be started.
	NoGit
)

func (k Kind) String() string {
	switch k {
	case NoHost:
		return "the host's name can't be found"
	case Unreachable:
		return "the host can't be reached"
	case Refused:
		return "the host refused the connection"
	case Timeout:
		return "the host did not answer in time"
	case Interrupted:
		return "interrupted"
	case Authentication:
		return "the host did not let this user in"
	case UnknownHostKey:
		return "the host's ssh key is not known"
	case ChangedHostKey:
		return "the host's ssh key has changed"
	case Certificate:
		return "the host's certificate is not good"
	case NoRepository:
		return "there is no such repository"
	case NoBranch:
		return "the branch isn't there"
	case Moved:
		return "the branch moved meanwhile"
	case Locked:
		return "the branch is locked"
	case Rejected:
		return "the host refused the push"
	case Quota:
		return "the host's quota is used up"
	case TooMuch:
		return "the host sent more than a vault can hold"
	case Broken:
		return "the host's answer is broken"
	case Unsupported:
		return "this needs git to be installed"
	case NoGit:
		return "git can't be started"
	}
	return "the transfer failed"
}

// Error is a failed network step. Every text in it that the host wrote is clean.
type Error struct {
	Kind    Kind
	URL     string // without any password
	Message string // what the host or git said; may be empty or have several lines
	Err     error  // the cause, when there is one
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.URL, e.Kind)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf finds the kind of a failure; Unknown for errors that are not an [Error].
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unknown
}
