package cloud

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Class sorts what can go wrong with a cloud key by what a person does about it.
type Class string

// The classes, in the words of docs/spec/kms.md.
const (
	NoCredentials Class = "no-credentials" // nobody is logged in to that cloud here
	Denied        Class = "denied"         // logged in, but the key's policy says no
	Disabled      Class = "disabled"       // the key is disabled or waits for its deletion
	NotFound      Class = "not-found"      // no such key, or it may not be seen
	WrongContext  Class = "wrong-context"  // the ciphertext is not of this key, role, epoch or vault
	Throttled     Class = "throttled"      // the cloud asks to come back later
	Unreachable   Class = "unreachable"    // no connection, or no answer in time
	Malformed     Class = "malformed"      // an answer that is not one, or one that fails its checks
	Forbidden     Class = "forbidden"      // this user's settings exclude the key
	Failed        Class = "failed"         // anything else
)

// Error is what one cloud key answered. Message is the cloud's own text, which is
// untrusted: whoever shows it cleans it.
type Error struct {
	Key     Key    `json:"key"`
	Class   Class  `json:"class"`
	Message string `json:"message"`
}

// Error names the key and tells its answer.
func (e *Error) Error() string {
	return fmt.Sprintf("%s key %s: %s", e.Key.Provider, e.Key.Name, e.Answer())
}

// Answer is what it said, without its name.
func (e *Error) Answer() string {
	if e.Message == "" {
		return e.Class.words()
	}
	return fmt.Sprintf("%s (%s)", e.Class.words(), shorten(e.Message))
}

// words is the class for people.
func (c Class) words() string {
	switch c {
	case NoCredentials:
		return "no credentials for this cloud"
	case Denied:
		return "access denied"
	case Disabled:
		return "the key is disabled or waits for deletion"
	case NotFound:
		return "no such key"
	case WrongContext:
		return "the wrapped key belongs to another key, role, epoch or vault"
	case Throttled:
		return "throttled"
	case Unreachable:
		return "unreachable"
	case Malformed:
		return "a malformed answer"
	case Forbidden:
		return "forbidden by this user's settings"
	}
	return "failed"
}

// NotConnected says that a call failed because no connection stood within its limit. The
// SDKs would try again, and take twice as long as they were given.
func NotConnected(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "dial" && failed.Timeout()
}

// maxMessage bounds how much of a cloud's text an error carries.
const maxMessage = 300

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "..."
}
