package chain_test

import (
	"bytes"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
)

// lazily is an edit by ana that turns none of the keys that must turn.
func lazily(e func(*scene, *policy.Policy)) func(*scene) *chaintest.Draft {
	return turning(e, func(policy.KeyRef) bool { return false })
}

// turning is an edit by ana that turns only some of the keys that must turn.
func turning(e func(*scene, *policy.Policy), turn func(policy.KeyRef) bool) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		return s.EditTurning(s.Ana, func(p *policy.Policy) { e(s, p) }, turn)
	}
}

func except(kind policy.KeyKind, name string) func(policy.KeyRef) bool {
	return func(ref policy.KeyRef) bool { return ref != policy.KeyRef{Kind: kind, Name: name} }
}

// policyAttacks are about what a policy can't be, and can't become.
func policyAttacks() map[string]attack {
	out := map[string]attack{
		"an unknown field":         {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "{\n", "{\n  \"admin\": true,\n")), nil},
		"a field twice":            {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "  \"handle\": \"mal\",\n", "  \"handle\": \"mal\",\n  \"handle\": \"mal\",\n")), nil},
		"another spelling":         {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "  \"handle\"", "\t\"handle\"")), nil},
		"policy with CRLF":         {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "\n", "\r\n")), nil},
		"policy cut short":         {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "}\n", "")), nil},
		"a member at another id":   {"policy", chain.Malformed, edit(ana, admitMal, moveMember), nil},
		"an id not of its keys":    {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "\"sign\": \"", "\"sign\": \"00")), nil},
		"a handle that is taken":   {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "\"handle\": \"mal\"", "\"handle\": \"ben\"")), nil},
		"a handle of one retired":  {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "\"handle\": \"mal\"", "\"handle\": \"eve\"")), nil},
		"a handle in capitals":     {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "\"handle\": \"mal\"", "\"handle\": \"Mal\"")), nil},
		"a role that is not there": {"policy", chain.Malformed, edit(ana, admitMal, replace("policy/members", "\"viewer\"", "\"viewers\"")), nil},
		"the keys of somebody else": {"policy", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Edit(s.Ana, func(p *policy.Policy) { admitMal(s, p) })
			path := policy.MemberPath(s.mal.Device.ID)
			data := string(d.Files[path])
			data = strings.ReplaceAll(data, s.mal.Device.Recipient, s.ben.Device.Recipient)
			data = strings.ReplaceAll(data, s.mal.Device.ID, policy.DeviceID(s.mal.Device.Sign, s.ben.Device.Recipient))
			delete(d.Files, path)
			d.Files[policy.MemberPath(policy.DeviceID(s.mal.Device.Sign, s.ben.Device.Recipient))] = []byte(data)
			return d
		}, nil},
		"a recipient that a role had before": {"policy", chain.Malformed, func(s *scene) *chaintest.Draft {
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer}
			now, _ := s.State.Policy().Role(policy.Developer)
			d := s.Edit(s.Ana, func(*policy.Policy) {}, ref)
			path := policy.RolePath(policy.Viewer)
			next, _ := policyAfter(s, d).Role(policy.Viewer)
			d.Files[path] = []byte(strings.Replace(string(d.Files[path]), next.Recipient, now.Recipient, 1))
			return d
		}, nil},
		"the last manager leaves": {"policy", chain.Incomplete, func(s *scene) *chaintest.Draft {
			return spoilPolicy(s, policy.MemberPath(s.Ana.Device.ID), "\"retired\": false\n}", "\"retired\": true\n}",
				policy.MemberPath(s.dan.Device.ID), "\"retired\": false\n}", "\"retired\": true\n}")
		}, nil},
		"a policy file deleted that others name": {"policy", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.RolePath(policy.Viewer)] = nil
			return d
		}, nil},
		"format.json deleted": {"policy", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.FormatPath] = nil
			return d
		}, nil},

		"a device that never asked to join": {"join", chain.BadSignature, edit(ana, func(s *scene, p *policy.Policy) {
			m := s.mal.Member(policy.Viewer)
			m.Devices[0].Join[5] ^= 1
			p.PutMember(m)
		}, nil), nil},
		"a device that asked to join another vault": {"join", chain.BadSignature, edit(ana, func(s *scene, p *policy.Policy) {
			m := s.mal.Member(policy.Viewer)
			copy(m.Devices[0].Join[:], s.mal.Signer.Join(strings.Repeat("a", 26), "", m.Devices[0].Recipient))
			p.PutMember(m)
		}, nil), nil},
		"a device that came by another invite": {"join", chain.BadSignature, edit(ana, func(s *scene, p *policy.Policy) {
			m := s.mal.Member(policy.Viewer)
			m.Devices[0].Invite = strings.Repeat("a", 26)
			p.PutMember(m)
		}, nil), nil},
		"a second device with a join signature of the first": {"join", chain.BadSignature, edit(ana, func(s *scene, p *policy.Policy) {
			m, _ := p.MemberByHandle("ben")
			d := s.mal.Device
			d.Join = m.Devices[0].Join
			m.Devices = append(m.Devices, d)
			p.PutMember(m)
		}, nil), nil},

		"a removal without any rotation":                        {"follows", chain.Incomplete, lazily(removeBen), nil},
		"a removal that forgets an environment":                 {"follows", chain.Incomplete, turning(removeBen, except(policy.EnvironmentKey, policy.Staging)), nil},
		"a removal that forgets a role":                         {"follows", chain.Incomplete, turning(removeBen, except(policy.RoleKey, policy.Developer)), nil},
		"a manager's removal that forgets the audit key":        {"follows", chain.Incomplete, turning(member("dan", func(m *policy.Member) { m.Retired = true }), except(policy.AuditKey, "")), nil},
		"a manager's removal that forgets a role he was not in": {"follows", chain.Incomplete, turning(member("dan", func(m *policy.Member) { m.Retired = true }), except(policy.RoleKey, policy.Viewer)), nil},
		"a lost device without rotation":                        {"follows", chain.Incomplete, lazily(member("gus", func(m *policy.Member) { m.Devices[1].Retired = true })), nil},
		"a role taken without rotation":                         {"follows", chain.Incomplete, lazily(member("ben", func(m *policy.Member) { m.Roles = []string{policy.Viewer} })), nil},
		"a grant narrowed without rotation":                     {"follows", chain.Incomplete, lazily(role(policy.Developer, func(r *policy.Role) { r.Grants[policy.Staging] = policy.List })), nil},
		"a grant narrowed and the role's own key kept":          {"follows", chain.Incomplete, turning(role(policy.Developer, func(r *policy.Role) { r.Grants[policy.Staging] = policy.List }), except(policy.RoleKey, policy.Developer)), nil},
		"a cloud key retired without rotation": {"follows", chain.Incomplete, lazily(func(s *scene, p *policy.Policy) {
			c, _ := p.CloudKey(s.cloud.ID)
			c.Roles, c.Waiting = []string{policy.Admin}, []string{policy.Admin}
			p.PutCloudKey(c)
		}), nil},
		"require_kms switched on without rotation": {"follows", chain.Incomplete, lazily(func(s *scene, p *policy.Policy) {
			e, _ := p.Environment(policy.Production)
			e.RequireKMS = []string{s.cloud.ID}
			p.PutEnvironment(e)
		}), nil},
		"require_kms switched off without rotation": {"follows", chain.Incomplete, lazily(environment(guarded, func(e *policy.Environment) { e.RequireKMS = []string{} })), nil},
		"due on an environment without a cloud key": {"policy", chain.Malformed, func(s *scene) *chaintest.Draft {
			return spoilPolicy(s, policy.EnvironmentPath(policy.Production), "\"due\": false", "\"due\": true")
		}, nil},
		"due taken back without rotation":     {"follows", chain.Denied, lazily(environment(overdue, func(e *policy.Environment) { e.Due = false })), nil},
		"a setting of an overdue environment": {"follows", chain.Denied, lazily(environment(overdue, func(e *policy.Environment) { e.MaxAge = 60 })), nil},
		"a retired environment brought back":  {"follows", chain.Denied, lazily(environment(closed, func(e *policy.Environment) { e.Retired = false })), nil},
		"a retired member brought back":       {"follows", chain.Denied, lazily(member("eve", func(m *policy.Member) { m.Retired = false })), nil},
		"a retired device brought back":       {"follows", chain.Denied, lazily(member("gus", func(m *policy.Member) { m.Devices[0].Retired = false })), nil},
		"another handle":                      {"follows", chain.Denied, lazily(member("ben", func(m *policy.Member) { m.Handle = "benny" })), nil},
		"a member's file deleted": {"follows", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.MemberPath(s.eve.Device.ID)] = nil
			return d
		}, nil},
		"another commitment of this epoch": {"follows", chain.Denied, lazily(environment(policy.Production, func(e *policy.Environment) {
			e.NamesCommitments[e.Epoch-1] = strings.Repeat("ab", 32)
		})), nil},
		"another commitment of an old epoch": {"follows", chain.Denied, lazily(environment(policy.Production, func(e *policy.Environment) {
			e.EnvironmentCommitments[0] = strings.Repeat("ab", 32)
		})), nil},
		"another id key": {"follows", chain.Denied, lazily(environment(policy.Production, func(e *policy.Environment) {
			e.IDCommitment = strings.Repeat("ab", 32)
		})), nil},
		"another recipient in the same epoch": {"follows", chain.Denied, lazily(func(s *scene, p *policy.Policy) {
			r, _ := p.Role(policy.Viewer)
			r.Recipient = s.mal.Device.Recipient
			p.PutRole(r)
		}), nil},
		"an epoch passed over": {"follows", chain.Denied, func(s *scene) *chaintest.Draft {
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer}
			return s.EditTurning(s.Ana, func(p *policy.Policy) {
				r, _ := p.Role(policy.Viewer)
				p.PutRole(r.Turned(s.NewRecipient()).Turned(s.NewRecipient()))
			}, func(r policy.KeyRef) bool { return r != ref })
		}, nil},
		"an epoch put back": {"follows", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			path := policy.EnvironmentPath(policy.Production)
			d.Files[path] = s.States[0].Policy().Files()[path]
			return d
		}, nil},
	}
	return out
}

// moveMember puts a member's file at another id.
func moveMember(s *scene, d *chaintest.Draft) {
	path := policy.MemberPath(s.mal.Device.ID)
	d.Files[policy.MemberPath(strings.Repeat("a", 26))] = d.Files[path]
	delete(d.Files, path)
}

func policyAfter(s *scene, d *chaintest.Draft) *policy.Policy {
	p, err := s.State.Policy().With(policyFiles(d))
	if err != nil {
		panic(err)
	}
	return p
}

// spoilPolicy is a change by ana of policy files: path, old and new text, and so on.
func spoilPolicy(s *scene, edits ...string) *chaintest.Draft {
	d := s.Draft(s.Ana)
	for ; len(edits) > 0; edits = edits[3:] {
		was := s.State.Policy().Files()[edits[0]]
		d.Files[edits[0]] = bytes.Replace(was, []byte(edits[1]), []byte(edits[2]), 1)
		if bytes.Equal(d.Files[edits[0]], was) {
			panic("nothing changed in " + edits[0])
		}
	}
	return d
}

// keyAttacks are about files under keys/ and secrets that should have been sealed again.
func keyAttacks() map[string]attack {
	rotate := func(env string, spoil func(*scene, *chaintest.Draft)) func(*scene) *chaintest.Draft {
		return func(s *scene) *chaintest.Draft {
			d := s.Rotate(s.Ana, env)
			spoil(s, d)
			return d
		}
	}
	forget := func(text string) func(*scene, *chaintest.Draft) {
		return func(_ *scene, d *chaintest.Draft) {
			for path, data := range d.Files {
				if strings.Contains(path, text) && data != nil {
					delete(d.Files, path)
					return
				}
			}
			panic("nothing to forget")
		}
	}
	return map[string]attack{
		"a secret set in an overdue environment": {"due", chain.Denied, write(ana, overdue, "URL", nil), nil},

		"an admission without the wrap":      {"wrap-missing", chain.Incomplete, edit(ana, admitMal, forget("keys/roles/")), nil},
		"a rotation that forgets one wrap":   {"wrap-missing", chain.Incomplete, rotate(policy.Staging, forget("viewer.names")), nil},
		"a rotation that forgets the id key": {"wrap-missing", chain.Incomplete, rotate(policy.Staging, forget("/id")), nil},
		"a rotation that forgets the history": {"wrap-missing", chain.Incomplete, rotate(policy.Staging, func(_ *scene, d *chaintest.Draft) {
			for path := range d.Files {
				if strings.HasSuffix(path, "/previous") {
					delete(d.Files, path)
				}
			}
		}), nil},
		"a removal that forgets a colleague": {"wrap-missing", chain.Incomplete, edit(ana, removeBen, func(s *scene, d *chaintest.Draft) {
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Developer}
			delete(d.Files, policy.KeyFolder(ref, policyAfter(s, d).Epoch(ref))+s.gus2.Device.ID+".age")
		}), nil},
		"a cloud key's share forgotten": {"wrap-missing", chain.Incomplete, rotate(guarded, forget("/cloud/")), nil},

		"a hidden wrap": {"wrap-extra", chain.Denied, hiddenWrap(ana), nil},
		"a hidden wrap in an admission": {"wrap-extra", chain.Denied, edit(ana, admitMal, func(s *scene, d *chaintest.Draft) {
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Admin}
			path := policy.KeyFolder(ref, s.State.Policy().Epoch(ref)) + s.mal.Device.ID + ".age"
			d.Files[path] = s.wrapTo(s.mal, ref, path)
		}), nil},
		"a wrap for a removed member in a rotation": {"wrap-extra", chain.Denied, edit(ana, removeBen, func(s *scene, d *chaintest.Draft) {
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Developer}
			path := policy.KeyFolder(ref, s.State.Policy().Epoch(ref)+1) + s.ben.Device.ID + ".age"
			d.Files[path] = s.wrapTo(s.ben, ref, path)
		}), nil},
		"the values' key for who may only list": {"wrap-extra", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			ref := policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Staging}
			path := policy.KeyFolder(ref, s.State.Policy().Epoch(ref)) + "viewer.age"
			d.Files[path] = s.wrapTo(s.cleo, policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer}, path)
			return d
		}, nil},
		"a wrap of a coming epoch": {"wrap-extra", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer}
			path := policy.KeyFolder(ref, s.State.Policy().Epoch(ref)+1) + s.mal.Device.ID + ".age"
			d.Files[path] = s.wrapTo(s.mal, ref, path)
			return d
		}, nil},
		"a wrap of a role that is not there": {"wrap-extra", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			path := "keys/roles/ghost/1/" + s.mal.Device.ID + ".age"
			d.Files[path] = s.wrapTo(s.mal, policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer}, path)
			return d
		}, nil},
		"a wrap in a retired environment": {"wrap-extra", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			path := policy.KeyFolder(policy.KeyRef{Kind: policy.EnvironmentKey, Name: closed}, 1) + "viewer.names"
			d.Files[path] = s.wrapTo(s.mal, policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer}, path)
			return d
		}, nil},
		"a wrap replaced": {"wrap-extra", chain.Tampered, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Developer}
			path := policy.KeyFolder(ref, s.State.Policy().Epoch(ref)) + s.ben.Device.ID + ".age"
			d.Files[path] = s.wrapTo(s.mal, ref, path)
			return d
		}, nil},
		"an id key replaced": {"wrap-extra", chain.Tampered, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.IDKeyPath(policy.Staging, s.State.Policy().Epoch(policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Staging}))] = make([]byte, 60)
			return d
		}, nil},
		"a previous key replaced": {"wrap-extra", chain.Tampered, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.PreviousPath(policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Staging}, 2)] = make([]byte, 60)
			return d
		}, nil},

		"a rotation that leaves an old wrap": {"wrap-left", chain.Incomplete, rotate(policy.Staging, func(_ *scene, d *chaintest.Draft) {
			for path, data := range d.Files {
				if strings.HasSuffix(path, "viewer.names") && data == nil {
					delete(d.Files, path)
				}
			}
		}), nil},
		"a wrap taken away": {"wrap-left", chain.Incomplete, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Developer}
			d.Files[policy.KeyFolder(ref, s.State.Policy().Epoch(ref))+s.ben.Device.ID+".age"] = nil
			return d
		}, nil},
		"history taken away": {"wrap-left", chain.Incomplete, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.PreviousPath(policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Staging}, 2)] = nil
			return d
		}, nil},
		"history taken away by a rotation": {"wrap-left", chain.Incomplete, rotate(policy.Staging, func(_ *scene, d *chaintest.Draft) {
			d.Files[policy.PreviousPath(policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Staging}, 2)] = nil
		}), nil},
		"a wrap of a retired environment taken away": {"wrap-left", chain.Incomplete, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			for f := range s.State.Files("keys/environments/" + closed) {
				d.Files[f.Path] = nil
			}
			return d
		}, nil},

		"a rotation that forgets one secret": {"resealed", chain.Incomplete, rotate(policy.Development, forget("secrets/")), nil},
		"a rotation that forgets a tombstone": {"resealed", chain.Incomplete, rotate(policy.Development, func(s *scene, d *chaintest.Draft) {
			delete(d.Files, chain.SecretPath(policy.Development, s.SecretID(policy.Development, "GONE")))
		}), nil},
		"a removal that seals nothing again": {"resealed", chain.Incomplete, edit(ana, removeBen, func(_ *scene, d *chaintest.Draft) {
			for path := range d.Files {
				if strings.HasPrefix(path, "secrets/") {
					delete(d.Files, path)
				}
			}
		}), nil},
	}
}
