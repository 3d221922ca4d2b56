package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/change"
)

// policy decides on a change of policy. On an unchanged policy it is made again; on a
// changed one somebody must look at both first.
func (p *planner) policy(s Step) Step {
	member, _, _ := p.now.Device(p.in.Device)
	if !p.now.Manages(member.ID) {
		s.Verdict, s.Reason = Aside, LostManage
		return s
	}
	if p.changed {
		switch p.in.Decision(Question{Policy: true}) {
		case TheirsWin:
			s.Verdict, s.Reason = Aside, Declined
			return s
		case Undecided:
			s.Verdict, s.Reason = Stop, PolicyChanged
			return s
		}
	}
	if p.rotated && slices.ContainsFunc(s.Change.Operations, opensInvite) {
		s.Verdict, s.Reason = Aside, InviteSealed
		return s
	}
	draft := p.now.Clone()
	if err := Edit(s.Change.Operations)(draft); err != nil {
		s.Verdict, s.Reason = Aside, Impossible
		return s
	}
	p.now = draft
	p.rotated = p.rotated || slices.ContainsFunc(s.Change.Operations, turnsRole)
	return s
}

func opensInvite(o change.Operation) bool {
	return strings.HasPrefix(o.Path, policy.Folder+"invites/") && o.New != nil
}

func turnsRole(o change.Operation) bool {
	return o.Kind == change.Rotate && o.Key.Kind == policy.RoleKey
}

// Rotations lists the keys that a change turned.
func Rotations(ops []change.Operation) []policy.KeyRef {
	var out []policy.KeyRef
	for _, o := range ops {
		if o.Kind == change.Rotate {
			out = append(out, o.Key)
		}
	}
	return out
}

// errGone and errTaken are why an edit can't be made again.
var (
	errGone  = errors.New("is not there any more")
	errTaken = errors.New("is there already")
)

// Edit is what a change did to the policy, to be done to another: only what differs
// between its old and new files, and nothing about keys, which are made anew.
func Edit(ops []change.Operation) func(*policy.Policy) error {
	return func(p *policy.Policy) error {
		for _, o := range ops {
			if o.Kind != change.Policy {
				continue
			}
			if err := editFile(p, o); err != nil {
				return fmt.Errorf("%s %w", o.Path, err)
			}
		}
		return nil
	}
}

func editFile(p *policy.Policy, o change.Operation) error {
	folder, file, _ := strings.Cut(strings.TrimPrefix(o.Path, policy.Folder), "/")
	name := strings.TrimSuffix(path.Base(file), ".json")
	switch folder {
	case "members":
		return editWith(o, p.Member, name, p.PutMember, mergeMember)
	case "roles":
		return editWith(o, p.Role, name, p.PutRole, mergeRole)
	case "environments":
		return editWith(o, p.Environment, name, p.PutEnvironment, mergeEnvironment)
	case "cloudkeys":
		return editWith(o, p.CloudKey, name, p.PutCloudKey, mergeCloudKey)
	case "templates":
		if o.New == nil {
			p.DropTemplate(name)
			return nil
		}
		return editWith(o, nil, name, p.PutTemplate, takeNew[policy.Template])
	case "invites":
		if o.New == nil {
			p.DropInvite(name)
			return nil
		}
		return editWith(o, nil, name, p.PutInvite, takeNew[policy.Invite])
	case "format.json":
		var f struct{ Format int }
		if err := json.Unmarshal(o.New, &f); err != nil {
			return err
		}
		p.PutFormat(max(f.Format, p.Format()))
	}
	return nil
}

// editWith reads an operation's files and puts the merged value. Without find the new
// file is taken as it is.
func editWith[T any](o change.Operation, find func(string) (T, bool), name string, put func(T), merge func(old, new, now T) T) error {
	var old, new, now T
	if err := json.Unmarshal(o.New, &new); err != nil {
		return err
	}
	if o.Old != nil {
		if err := json.Unmarshal(o.Old, &old); err != nil {
			return err
		}
	}
	if find != nil {
		var ok bool
		if now, ok = find(name); ok != (o.Old != nil) {
			if ok {
				return errTaken
			}
			return errGone
		}
	}
	put(merge(old, new, now))
	return nil
}

func takeNew[T any](_, new, _ T) T { return new }

// pick is the three-way choice for one field: ours where we changed it.
func pick[T comparable](old, new, now T) T {
	if old != new {
		return new
	}
	return now
}

// mergeList adds what was added and takes out what was taken out.
func mergeList(old, new, now []string) []string {
	out := slices.Clone(now)
	for _, x := range new {
		if !slices.Contains(old, x) && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	out = slices.DeleteFunc(out, func(x string) bool { return slices.Contains(old, x) && !slices.Contains(new, x) })
	slices.Sort(out)
	return out
}

func mergeMember(old, new, now policy.Member) policy.Member {
	if old.ID == "" {
		return new
	}
	now.Name, now.Email = pick(old.Name, new.Name, now.Name), pick(old.Email, new.Email, now.Email)
	now.Expires, now.Retired = pick(old.Expires, new.Expires, now.Expires), pick(old.Retired, new.Retired, now.Retired)
	now.Roles = mergeList(old.Roles, new.Roles, now.Roles)
	devices := slices.Clone(now.Devices)
	for i, d := range new.Devices {
		at := slices.IndexFunc(devices, func(x policy.Device) bool { return x.ID == d.ID })
		switch {
		case at < 0:
			devices = append(devices, d)
		case i < len(old.Devices):
			was := old.Devices[i]
			devices[at].Name = pick(was.Name, d.Name, devices[at].Name)
			devices[at].Expires = pick(was.Expires, d.Expires, devices[at].Expires)
			devices[at].Retired = pick(was.Retired, d.Retired, devices[at].Retired)
		}
	}
	now.Devices = devices
	return now
}

func mergeRole(old, new, now policy.Role) policy.Role {
	if old.Name == "" {
		return policy.Role{Name: new.Name, Earlier: []string{}, Grants: new.Grants, Manage: new.Manage, Audit: new.Audit}
	}
	grants := maps.Clone(now.Grants)
	if grants == nil {
		grants = map[string]policy.Level{}
	}
	for env, level := range new.Grants {
		if old.Grants[env] != level {
			grants[env] = level
		}
	}
	for env := range old.Grants {
		if _, ok := new.Grants[env]; !ok {
			delete(grants, env)
		}
	}
	now.Grants = grants
	now.Manage, now.Audit = pick(old.Manage, new.Manage, now.Manage), pick(old.Audit, new.Audit, now.Audit)
	now.Retired = pick(old.Retired, new.Retired, now.Retired)
	return now
}

// mergeEnvironment leaves due alone, which follows from which clouds can be reached.
func mergeEnvironment(old, new, now policy.Environment) policy.Environment {
	if old.Name == "" {
		now = policy.NewEnvironment(new.Name)
		old = now
	}
	now.AllowNames = mergeList(old.AllowNames, new.AllowNames, now.AllowNames)
	now.RequireKMS = mergeList(old.RequireKMS, new.RequireKMS, now.RequireKMS)
	now.RequireReason = pick(old.RequireReason, new.RequireReason, now.RequireReason)
	now.MaxAge = pick(old.MaxAge, new.MaxAge, now.MaxAge)
	now.Receipts = pick(old.Receipts, new.Receipts, now.Receipts)
	now.Retired = pick(old.Retired, new.Retired, now.Retired)
	return now
}

// mergeCloudKey leaves waiting alone, for the same reason.
func mergeCloudKey(old, new, now policy.CloudKey) policy.CloudKey {
	if old.ID == "" {
		new.Waiting = []string{}
		return new
	}
	now.Roles = mergeList(old.Roles, new.Roles, now.Roles)
	now.Retired = pick(old.Retired, new.Retired, now.Retired)
	return now
}
