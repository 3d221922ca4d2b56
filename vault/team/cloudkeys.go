package team

import (
	"errors"
	"slices"

	"github.com/secr/secr/policy"
)

// ErrNoCloudKey says that no cloud key in use has that name or id, or not that role.
var ErrNoCloudKey = errors.New("no such cloud key")

// AddCloudKey lets a cloud key open a role. It is entered if it is not in use yet.
func AddCloudKey(provider policy.Provider, key, role string) Edit {
	return func(p *policy.Policy) error {
		if err := policy.CheckCloudName(provider, key); err != nil {
			return err
		}
		if err := knownRoles(p, []string{role}); err != nil {
			return err
		}
		c, ok := findCloudKey(p, key)
		if !ok {
			c = policy.CloudKey{ID: policy.CloudKeyID(provider, key, earlier(p, key)), Provider: provider, Key: key}
		}
		c.Roles = uniq(append(c.Roles, role))
		p.PutCloudKey(c)
		return nil
	}
}

// RemoveCloudKey takes one role from a cloud key, or all when role is empty; a
// cloud key without roles is retired unless an environment requires it.
func RemoveCloudKey(key, role string) Edit {
	return func(p *policy.Policy) error {
		c, ok := findCloudKey(p, key)
		if !ok || role != "" && !slices.Contains(c.Roles, role) {
			return about(ErrNoCloudKey, key)
		}
		gone := func(r string) bool { return role == "" || r == role }
		c.Roles = slices.DeleteFunc(c.Roles, gone)
		c.Waiting = slices.DeleteFunc(c.Waiting, gone)
		c.Retired = len(c.Roles) == 0 && !required(p, c.ID)
		p.PutCloudKey(c)
		return nil
	}
}

// RewrapCloudKeys has every waiting cloud key tried again.
func RewrapCloudKeys() Edit {
	return func(p *policy.Policy) error {
		for _, c := range p.CloudKeys() {
			if c.Active() && len(c.Waiting) > 0 {
				c.Waiting = nil
				p.PutCloudKey(c)
			}
		}
		return nil
	}
}

// findCloudKey finds the entry in use by the cloud's name of the key or by its id.
func findCloudKey(p *policy.Policy, key string) (policy.CloudKey, bool) {
	for _, c := range p.CloudKeys() {
		if c.Active() && (c.Key == key || c.ID == key) {
			return c, true
		}
	}
	return policy.CloudKey{}, false
}

func earlier(p *policy.Policy, key string) int {
	n := 0
	for _, c := range p.CloudKeys() {
		if c.Key == key {
			n++
		}
	}
	return n
}

func required(p *policy.Policy, id string) bool {
	return slices.ContainsFunc(p.Environments(), func(e policy.Environment) bool {
		return e.Active() && slices.Contains(e.RequireKMS, id)
	})
}
