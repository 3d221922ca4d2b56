package policy

import (
	"encoding/hex"
	"fmt"
	"slices"
)

// onceOnly is something that may occur once in a policy: a signing key, a recipient
// (by its sum) or a commitment.
type onceOnly struct {
	kind byte
	sum  [32]byte
}

// use notes that something occurs which may occur once.
func (p *Policy) use(path string, kind byte, sum [32]byte, what string) error {
	key := onceOnly{kind, sum}
	if other := p.user(key); other != "" {
		return twice(path, other, what)
	}
	p.used[key] = path
	return nil
}

// user is the path of the file in which something occurs that may occur once.
func (p *Policy) user(key onceOnly) string {
	if path, ok := p.used[key]; ok {
		return path
	}
	if id := p.members.user(key); id != "" {
		return MemberPath(id)
	}
	return ""
}

func twice(path, other, what string) error {
	where := "is also in " + other
	if other == path {
		where = "is there twice"
	}
	return malformed(path, "%s %s: none may occur twice", what, where)
}

// checkDevices says that no key of a member's devices is used elsewhere, or by two.
func (p *Policy) checkDevices(path string, devices []briefDevice) error {
	seen := map[onceOnly]bool{}
	for _, d := range devices {
		for _, k := range []struct {
			onceOnly
			what string
		}{{onceOnly{'s', d.sign}, "a signing key"}, {onceOnly{'r', d.sum}, "a recipient"}} {
			other := p.user(k.onceOnly)
			if seen[k.onceOnly] {
				other = path
			}
			if other != "" {
				return twice(path, other, k.what)
			}
			seen[k.onceOnly] = true
		}
	}
	return nil
}

func (p *Policy) useEpochs(path, recipient string, earlier []string) error {
	for _, sum := range append(slices.Clip(earlier), RecipientSum(recipient)) {
		if err := p.use(path, 'r', unsum(sum), "a recipient"); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) unuseEpochs(recipient string, earlier []string) {
	delete(p.used, onceOnly{'r', unsum(RecipientSum(recipient))})
	for _, sum := range earlier {
		delete(p.used, onceOnly{'r', unsum(sum)})
	}
}

func commitments(e *Environment) []string {
	all := make([]string, 0, 2*len(e.EnvironmentCommitments)+1)
	all = append(append(all, e.EnvironmentCommitments...), e.NamesCommitments...)
	return append(all, e.IDCommitment)
}

// unsum reads a sum that was checked to be 64 hex digits.
func unsum(s string) [32]byte {
	var sum [32]byte
	if _, err := hex.Decode(sum[:], []byte(s)); err != nil {
		panic(fmt.Sprintf("policy: unchecked sum: %v", err))
	}
	return sum
}
