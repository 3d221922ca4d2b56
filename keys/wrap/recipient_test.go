package wrap_test

import (
	"strings"
	"testing"

	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// Package policy checks recipients by itself, because it may not import this
// package: both must take the same ones, or a policy would hold a device to which
// nothing can be wrapped.
func FuzzRecipientIsTheSameForPolicy(f *testing.F) {
	good := identity(f, 1).Recipient()
	f.Add(good)
	f.Add(strings.ToUpper(good))
	f.Add(good[:len(good)-1] + "q")
	f.Fuzz(func(t *testing.T, text string) {
		_, here := wrap.ParseRecipient(text)
		there := policy.CheckRecipient(text)
		if (here == nil) != (there == nil) {
			t.Errorf("%q: here %v, in policy %v", text, here, there)
		}
	})
}

// The same for keys that fuzzing hardly finds, because their checksum is right.
func TestRespelledRecipientIsTheSameForPolicy(t *testing.T) {
	good := identity(t, 1).Recipient()
	for at := range 1216 {
		if at%53 != 0 && at < 1216-32 && at > 2 { // all of X25519's part, samples of the other
			continue
		}
		for _, to := range []byte{0, 1, 0x7f, 0xff} {
			text := respell(t, good, func(raw []byte) { raw[at] = to })
			_, here := wrap.ParseRecipient(text)
			there := policy.CheckRecipient(text)
			if (here == nil) != (there == nil) {
				t.Errorf("byte %d is %#x: here %v, in policy %v", at, to, here, there)
			}
		}
	}
}
