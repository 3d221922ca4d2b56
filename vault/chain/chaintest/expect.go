package chaintest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
)

// Reach is what one holder, a device or a cloud key, should be able to open under a
// policy, told from the policy's texts in the plainest way. cloud says that he has access
// to the cloud keys that environments need. Retired environments are left out.
func Reach(p *policy.Policy, holder string, cloud bool) map[policy.KeyRef]bool {
	roles := rolesOf(p, holder)
	if slices.ContainsFunc(roles, func(r policy.Role) bool { return r.Manage }) {
		roles = inUse(p.Roles())
	}
	out := map[policy.KeyRef]bool{}
	for _, r := range roles {
		out[policy.KeyRef{Kind: policy.RoleKey, Name: r.Name}] = true
		if r.Manage || r.Audit {
			out[policy.KeyRef{Kind: policy.AuditKey}] = true
		}
		for env, level := range r.Grants {
			e, _ := p.Environment(env)
			if level >= policy.List {
				out[policy.KeyRef{Kind: policy.NamesKey, Name: env}] = true
			}
			if level >= policy.Read && (cloud || len(e.RequireKMS) == 0) {
				out[policy.KeyRef{Kind: policy.EnvironmentKey, Name: env}] = true
			}
		}
	}
	return out
}

// rolesOf are the roles in use that a holder in use has.
func rolesOf(p *policy.Policy, holder string) []policy.Role {
	var names []string
	for _, m := range inUse(p.Members()) {
		for _, d := range inUse(m.Devices) {
			if d.ID == holder {
				names = append(names, m.Roles...)
			}
		}
	}
	for _, c := range inUse(p.CloudKeys()) {
		for _, name := range c.Roles {
			if c.ID == holder && !slices.Contains(c.Waiting, name) {
				names = append(names, name)
			}
		}
	}
	var roles []policy.Role
	for _, name := range names {
		if r, _ := p.Role(name); r.Name == name && r.Active() {
			roles = append(roles, r)
		}
	}
	return roles
}

// inUse are those of a list that are not retired.
func inUse[T interface{ Active() bool }](list []T) []T {
	return slices.DeleteFunc(list, func(x T) bool { return !x.Active() })
}

// CheckKeyFiles compares all files under keys/, and the epochs of all secrets, with what
// the policy asks for. The chain only ever checks what a change adds and takes away.
func CheckKeyFiles(s *chain.State) error {
	want, frozen := wanted(s.Policy())
	isFrozen := func(path string) bool {
		return slices.ContainsFunc(frozen, func(folder string) bool { return strings.HasPrefix(path, folder) })
	}
	for f := range s.Files("keys") {
		if !want[f.Path] && !isFrozen(f.Path) {
			return fmt.Errorf("%s is there for nobody", f.Path)
		}
		delete(want, f.Path)
	}
	for path := range want {
		if !isFrozen(path) {
			return fmt.Errorf("%s is missing", path)
		}
	}
	for _, e := range inUse(s.Policy().Environments()) {
		for _, secret := range s.Secrets(e.Name) {
			if secret.Epoch != e.Epoch {
				return fmt.Errorf("%s is sealed under epoch %d of %d", secret.Path, secret.Epoch, e.Epoch)
			}
		}
	}
	return nil
}

// wanted are the files that a policy asks for, and the folders that are as they were when
// something was retired or became due.
func wanted(p *policy.Policy) (want map[string]bool, frozen []string) {
	want = map[string]bool{}
	refs := []policy.KeyRef{{Kind: policy.AuditKey}}
	for _, r := range p.Roles() {
		refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
		if r.Retired {
			frozen = append(frozen, "keys/roles/"+r.Name+"/")
		}
	}
	for _, e := range p.Environments() {
		refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
		want[policy.IDKeyPath(e.Name, e.Epoch)] = true
		if e.Retired || e.Due {
			frozen = append(frozen, "keys/environments/"+e.Name+"/")
		}
	}
	for _, ref := range refs {
		for _, f := range p.KeyFiles(ref) {
			want[f.Path] = true
		}
		for epoch := uint64(2); epoch <= p.Epoch(ref) && ref.Kind != policy.RoleKey; epoch++ {
			want[policy.PreviousPath(ref, epoch)] = true
		}
	}
	return want, frozen
}
