package policy

import (
	"maps"
	"slices"
)

// checkAcross checks what files say about each other, as far as the changed ones
// could have broken it: everything if one was deleted that others may name.
func (p *Policy) checkAcross(changed map[string][]byte) error {
	if p.format == nil {
		return malformed(FormatPath, "the file is missing")
	}
	if p.audit == nil {
		return malformed(AuditPath, "the file is missing")
	}
	if err := p.checkCounts(); err != nil {
		return err
	}
	touched := map[string]bool{} // folders
	everything := false
	for path, data := range changed {
		folder, _, _ := split(path)
		touched[folder] = true
		everything = everything || data == nil && folder != inviteFolder && folder != templateFolder
	}
	named := changed
	if everything {
		named = p.Files()
	}
	for _, path := range slices.Sorted(maps.Keys(named)) {
		if named[path] == nil {
			continue
		}
		if err := p.checkNamed(path); err != nil {
			return err
		}
	}
	if everything || touched[cloudKeyFolder] || touched[environmentFolder] {
		if err := p.checkCloud(); err != nil {
			return err
		}
	}
	if everything || touched[memberFolder] || touched[roleFolder] || touched[environmentFolder] {
		return p.checkWhole()
	}
	return nil
}

func (p *Policy) checkCounts() error {
	for _, c := range []struct {
		folder    string
		have, max int
	}{
		{memberFolder, p.members.count, MaxMembers},
		{roleFolder, len(p.roles), MaxRoles},
		{environmentFolder, len(p.environments), MaxEnvironments},
		{cloudKeyFolder, len(p.cloudKeys), MaxCloudKeys},
		{templateFolder, len(p.templates), MaxEnvironments},
		{inviteFolder, len(p.invites), MaxInvites},
	} {
		if c.have > c.max {
			return malformed(c.folder, "more than %d files", c.max)
		}
	}
	return nil
}

// checkNamed checks that everything exists that a file names.
func (p *Policy) checkNamed(path string) error {
	folder, name, _ := split(path)
	roles := func(list []string) error {
		for _, r := range list {
			if p.roles[r] == nil {
				return malformed(path, "there is no role %s", r)
			}
		}
		return nil
	}
	switch folder {
	case roleFolder:
		for _, env := range slices.Sorted(maps.Keys(p.roles[name].value.Grants)) {
			if p.environments[env] == nil {
				return malformed(path, "there is no environment %s", env)
			}
		}
	case memberFolder:
		return roles(p.members.get(name).brief.roles)
	case cloudKeyFolder:
		return roles(p.cloudKeys[name].value.Roles)
	case templateFolder:
		if p.environments[name] == nil {
			return malformed(path, "there is no environment %s", name)
		}
	case inviteFolder:
		i := p.invites[name].value
		if p.members.get(i.By) == nil {
			return malformed(path, "there is no member %s", i.By)
		}
		return roles(i.Roles)
	}
	return nil
}

// checkCloud checks that the entries of one cloud key are numbered from 0 with at most
// the last in use, and that environments ask for cloud keys in use.
func (p *Policy) checkCloud() error {
	type key struct {
		provider Provider
		name     string
	}
	count := map[key]int{}
	for _, c := range p.cloudKeys {
		count[key{c.value.Provider, c.value.Key}]++
	}
	for _, id := range slices.Sorted(maps.Keys(p.cloudKeys)) {
		c := p.cloudKeys[id].value
		k := key{c.Provider, c.Key}
		number := 0
		for number < count[k] && CloudKeyID(c.Provider, c.Key, number) != id {
			number++
		}
		if number == count[k] {
			return malformed(CloudKeyPath(id), "id is not the one of its provider, key and number")
		}
		if c.Active() && number != count[k]-1 {
			return malformed(CloudKeyPath(id), "the same cloud key has a later entry")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.environments)) {
		e := p.environments[name].value
		for _, id := range e.RequireKMS {
			if c := p.cloudKeys[id]; c == nil || e.Active() && !c.value.Active() {
				return malformed(EnvironmentPath(name), "require_kms names %s, which is no cloud key in use", id)
			}
		}
	}
	return nil
}

// checkWhole checks that somebody can manage the vault and that somebody can read
// each environment.
func (p *Policy) checkWhole() error {
	if !p.hasManager() {
		return incomplete(Folder, "no person who manages has a device that stays: with neither an expiry nor retired")
	}
	for _, name := range slices.Sorted(maps.Keys(p.environments)) {
		if p.environments[name].value.Retired {
			continue
		}
		readable := false
		for _, r := range p.roles {
			readable = readable || r.value.Active() && r.value.Grants[name] >= Read
		}
		if !readable {
			return incomplete(EnvironmentPath(name), "no role in use may read it")
		}
	}
	return nil
}

// hasManager looks first at who was found the last time: in a large team few manage.
func (p *Policy) hasManager() bool {
	if m := p.members.get(p.manager); m != nil && p.managesForGood(&m.brief) {
		return true
	}
	for id, m := range p.members.all {
		if p.managesForGood(&m.brief) {
			p.manager = id
			return true
		}
	}
	return false
}

func (p *Policy) managesForGood(b *brief) bool {
	return !b.retired && b.kind == Person && b.expires == 0 && p.manages(b) &&
		slices.ContainsFunc(b.devices, func(d briefDevice) bool { return !d.retired && d.expires == 0 })
}
