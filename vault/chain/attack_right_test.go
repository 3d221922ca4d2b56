package chain_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/record"
)

// write is a change that writes one secret, its record spoiled.
func write(by func(*scene) *chaintest.Actor, env, name string, spoil func(*scene, *record.SealInput)) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Draft(by(s))
		s.Write(d, env, chaintest.Plain{Name: name, Value: []byte("x")}, func(in *record.SealInput) {
			if spoil != nil {
				spoil(s, in)
			}
		})
		return d
	}
}

// of alters the header of a record.
func of(alter func(*record.Header)) func(*scene, *record.SealInput) {
	return func(_ *scene, in *record.SealInput) { alter(&in.Header) }
}

// member edits a member's file.
func member(handle string, alter func(*policy.Member)) func(*scene, *policy.Policy) {
	return func(_ *scene, p *policy.Policy) {
		m, ok := p.MemberByHandle(handle)
		if !ok {
			panic("no " + handle)
		}
		alter(&m)
		p.PutMember(m)
	}
}

func role(name string, alter func(*policy.Role)) func(*scene, *policy.Policy) {
	return func(_ *scene, p *policy.Policy) {
		r, _ := p.Role(name)
		alter(&r)
		p.PutRole(r)
	}
}

func environment(name string, alter func(*policy.Environment)) func(*scene, *policy.Policy) {
	return func(_ *scene, p *policy.Policy) {
		e, _ := p.Environment(name)
		alter(&e)
		p.PutEnvironment(e)
	}
}

// makeAdmin gives ben or cleo the role of admin.
func makeAdmin(handle string) func(*scene, *policy.Policy) {
	return member(handle, func(m *policy.Member) { m.Roles = append([]string{policy.Admin}, m.Roles...) })
}

// rightAttacks are about doing what one may not do.
func rightAttacks() map[string]attack {
	return map[string]attack{
		"vault.json altered": {"founding-file", chain.Denied, put(ana, policy.FoundingPath, "{}\n"), nil},
		"vault.json deleted": {"founding-file", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.FoundingPath] = nil
			return d
		}, nil},

		"a developer makes himself admin":         {"manage", chain.Denied, edit(ben, makeAdmin("ben"), nil), nil},
		"a viewer widens his role":                {"manage", chain.Denied, edit(cleo, role(policy.Viewer, func(r *policy.Role) { r.Grants[policy.Production] = policy.Read }), nil), nil},
		"a developer removes an admin":            {"manage", chain.Denied, func(s *scene) *chaintest.Draft { return s.Remove(s.ben, s.dan) }, nil},
		"a developer rotates":                     {"manage", chain.Denied, func(s *scene) *chaintest.Draft { return s.Rotate(s.ben, policy.Staging) }, nil},
		"a developer adds a wrap for an outsider": {"manage", chain.Denied, hiddenWrap(ben), nil},
		"a developer deletes a wrap": {"manage", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.ben)
			for f := range s.State.Files("keys/roles/viewer") {
				d.Files[f.Path] = nil
			}
			return d
		}, nil},
		"a developer raises the format": {"manage", chain.Denied, edit(ben, func(_ *scene, p *policy.Policy) { p.PutFormat(2) }, nil), nil},
		"promotion and its use in one change": {"manage", chain.Denied, edit(cleo, makeAdmin("cleo"), func(s *scene, d *chaintest.Draft) {
			s.Write(d, policy.Production, chaintest.Plain{Name: "NEW", Value: []byte("x")}, nil)
		}), nil},

		"a viewer writes":                       {"write", chain.Denied, write(cleo, policy.Development, "X", nil), nil},
		"a developer writes production":         {"write", chain.Denied, write(ben, policy.Production, "URL", nil), nil},
		"an admin writes a retired environment": {"write", chain.Denied, write(ana, closed, "URL", nil), nil},
		"a viewer deletes": {"write", chain.Denied, func(s *scene) *chaintest.Draft {
			return s.Delete(s.cleo, policy.Development, "URL")
		}, nil},
		"one path too many": {"write", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Set(s.ben, policy.Staging, "X", "1")
			s.Write(d, policy.Production, chaintest.Plain{Name: "URL", Value: []byte("x")}, nil)
			return d
		}, nil},
		"a record in an environment that is not there": {"write", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Set(s.ben, policy.Staging, "X", "1")
			path := only(d, "secrets/")
			d.Files[strings.Replace(path, "staging", "nowhere", 1)] = d.Files[path]
			delete(d.Files, path)
			return d
		}, nil},

		"an empty change by a viewer": {"checkpoint", chain.Denied, func(s *scene) *chaintest.Draft { return s.Draft(s.cleo) }, nil},

		"a record taken away": {"removal", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Delete(s.ben, policy.Development, "URL")
			d.Files[only(d, "secrets/")] = nil
			return d
		}, nil},
		"a record taken away in a rotation": {"removal", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Rotate(s.Ana, policy.Production)
			d.Files[only(d, "secrets/")] = nil
			return d
		}, nil},

		"sealed again without a rotation": {"reseal", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.ben)
			e, _ := s.State.Secret(policy.Development, s.SecretID(policy.Development, "URL"))
			s.Write(d, policy.Development, s.Plain(e), func(in *record.SealInput) {
				in.Header.Kind, in.Header.State, in.Header.Version, in.Header.Since = record.Reseal, record.Live, e.Version, e.Since
			})
			return d
		}, nil},
		"a secret set in a change of policy": {"reseal", chain.Denied, edit(ana, admitMal, func(s *scene, d *chaintest.Draft) {
			s.Write(d, policy.Production, chaintest.Plain{Name: "URL", Value: []byte("x")}, nil)
		}), nil},
		"a value exchanged in a rotation, as set": {"reseal", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Rotate(s.Ana, policy.Production)
			p, err := s.State.Policy().With(policyFiles(d))
			if err != nil {
				panic(err)
			}
			s.WriteUnder(d, p, policy.Production, chaintest.Plain{Name: "URL", Value: []byte("x")}, nil)
			return d
		}, nil},
		"a new secret in a rotation": {"reseal", chain.Denied, func(s *scene) *chaintest.Draft {
			d := s.Rotate(s.Ana, policy.Production)
			p, err := s.State.Policy().With(policyFiles(d))
			if err != nil {
				panic(err)
			}
			s.WriteUnder(d, p, policy.Production, chaintest.Plain{Name: "NEW", Value: []byte("x")}, nil)
			return d
		}, nil},
	}
}

// policyFiles are the policy files of a draft.
func policyFiles(d *chaintest.Draft) map[string][]byte {
	out := map[string][]byte{}
	for path, data := range d.Files {
		if policy.IsPath(path) {
			out[path] = data
		}
	}
	return out
}

// hiddenWrap is a wrap of the admins' key for mal, without a word in the policy.
func hiddenWrap(by func(*scene) *chaintest.Actor) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Draft(by(s))
		ref := policy.KeyRef{Kind: policy.RoleKey, Name: policy.Admin}
		path := policy.KeyFolder(ref, s.State.Policy().Epoch(ref)) + s.mal.Device.ID + ".age"
		d.Files[path] = s.wrapTo(s.mal, ref, path)
		return d
	}
}

// recordAttacks are about the clear header of a record.
func recordAttacks() map[string]attack {
	dev := policy.Development
	label := func(alter func(*record.Header)) func(*scene) *chaintest.Draft {
		return write(ben, dev, "KEY", func(s *scene, in *record.SealInput) {
			e, _ := s.State.Secret(dev, s.SecretID(dev, "KEY"))
			in.Header.Kind, in.Header.Since = record.Relabel, e.Since
			alter(&in.Header)
		})
	}
	return map[string]attack{
		"any bytes as a record": {"record", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Set(s.ben, dev, "X", "1")
			d.Files[only(d, "secrets/")] = []byte("secr/1 secret\n")
			return d
		}, nil},
		"a record with bytes after it": {"record", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Set(s.ben, dev, "X", "1")
			path := only(d, "secrets/")
			d.Files[path] = append(d.Files[path], 0)
			return d
		}, nil},
		"a record of CRLF": {"record", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Set(s.ben, dev, "X", "1")
			path := only(d, "secrets/")
			d.Files[path] = []byte(strings.Replace(string(d.Files[path]), "\n", "\r\n", 1))
			return d
		}, nil},
		"a record written for another change": {"record-seq", chain.Tampered, label(func(h *record.Header) { h.Seq++ }), nil},
		"a set written for an older change":   {"record-seq", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Seq--; h.Since-- })), nil},
		"an older record put back": {"record-seq", chain.Tampered, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.ben)
			path := chain.SecretPath(dev, s.SecretID(dev, "KEY"))
			for _, c := range s.Changes {
				if len(c.Touched) == 1 && c.Touched[0].Path == path && d.Files[path] == nil {
					d.Files[path] = c.Touched[0].New.Data
				}
			}
			return d
		}, nil},
		"a record moved to another name":             {"record-seq", chain.Tampered, moved(dev, "KEY", dev, "URL"), nil},
		"a record moved to a new name":               {"record-seq", chain.Tampered, moved(dev, "KEY", dev, "OTHER"), nil},
		"a record moved to another environment":      {"record-seq", chain.Tampered, moved(dev, "KEY", policy.Staging, "KEY"), nil},
		"a tombstone undone by the record before it": {"record-seq", chain.Tampered, moved(dev, "KEY", dev, "GONE"), nil},

		"a record that replaces another than is there": {"record-before", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Before.Hash[0] ^= 1 })), nil},
		"a record with another sum before it":          {"record-before", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Before.Sum[0] ^= 1 })), nil},
		"a first record where there is one":            {"record-before", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Before, h.Version = nil, 1 })), nil},
		"a record before that is not there": {"record-before", chain.Tampered, write(ben, dev, "NEW", of(func(h *record.Header) {
			h.Before, h.Version = &record.Before{Hash: [20]byte{1}}, 2
		})), nil},
		"a label on a tombstone": {"record-state", chain.Tampered, write(ben, dev, "GONE", func(s *scene, in *record.SealInput) {
			e, _ := s.State.Secret(dev, s.SecretID(dev, "GONE"))
			in.Header.Kind, in.Header.Since = record.Relabel, e.Since
		}), nil},
		"a tombstone on a tombstone": {"record-state", chain.Tampered, write(ben, dev, "GONE", of(func(h *record.Header) { h.Kind = record.Delete })), nil},
		"a tombstone brought to life by a rotation": {"record-state", chain.Tampered, func(s *scene) *chaintest.Draft {
			d := s.Rotate(s.Ana, dev)
			p, err := s.State.Policy().With(policyFiles(d))
			if err != nil {
				panic(err)
			}
			e, _ := s.State.Secret(dev, s.SecretID(dev, "GONE"))
			s.WriteUnder(d, p, dev, chaintest.Plain{Name: "GONE", Value: []byte("x")}, func(in *record.SealInput) {
				in.Header.Kind, in.Header.State, in.Header.Version, in.Header.Since = record.Reseal, record.Live, e.Version, e.Since
			})
			return d
		}, nil},
		"a version left out":                     {"record-version", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Version++ })), nil},
		"the same version":                       {"record-version", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Version-- })), nil},
		"versions begin again after a tombstone": {"record-version", chain.Tampered, write(ben, dev, "GONE", of(func(h *record.Header) { h.Version = 2 })), nil},
		"a label that makes its value older":     {"record-since", chain.Tampered, label(func(h *record.Header) { h.Since-- }), nil},
		"a label that makes its value newer":     {"record-since", chain.Tampered, label(func(h *record.Header) { h.Since = h.Seq - 1 }), nil},
		"sealed under a coming epoch":            {"record-epoch", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Epoch++ })), nil},
		"sealed under an older epoch":            {"record-epoch", chain.Tampered, write(ben, dev, "KEY", of(func(h *record.Header) { h.Epoch-- })), nil},
		"one secret too many":                    {"limits", chain.Malformed, swollen("secrets/"+dev, chain.MaxSecrets, 0), nil},
		"one byte too many":                      {"limits", chain.Malformed, swollen("secrets/"+dev, 0, chain.MaxEnvironmentBytes), nil},
		"one secret too many in the vault":       {"limits", chain.Malformed, swollen("secrets/"+policy.Production, chain.MaxVaultSecrets, 0), nil},
		"one byte too many in the vault":         {"limits", chain.Malformed, swollen("secrets/"+policy.Production, 0, chain.MaxVaultBytes), nil},
		"one file of keys too many":              {"limits", chain.Malformed, swollen("keys/environments/"+policy.Production, chain.MaxKeyFiles, 0), nil},
	}
}

// moved is a change that puts a secret's current record in another secret's place.
func moved(fromEnv, from, toEnv, to string) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Draft(s.ben)
		e, ok := s.State.Secret(fromEnv, s.SecretID(fromEnv, from))
		if !ok {
			panic("no " + from)
		}
		for _, c := range s.Changes {
			for _, t := range c.Touched {
				if t.New != nil && t.New.Hash == e.Hash {
					d.Files[chain.SecretPath(toEnv, s.SecretID(toEnv, to))] = t.New.Data
				}
			}
		}
		return d
	}
}

// swollen is a new secret by ben where a folder is as full as it may be. It does not fall
// into a folder that is there.
func swollen(folder string, files int, bytes int64) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		for i := 0; ; i++ {
			d := s.Set(s.ben, policy.Development, fmt.Sprintf("ONE_MORE_%d", i), "1")
			path := only(d, "secrets/")
			if used := s.State.Files(path[:strings.LastIndex(path, "/")]); len(slices.Collect(used)) == 0 {
				d.Parent = chain.Swollen(d.Parent, folder, files, bytes)
				return d
			}
		}
	}
}
