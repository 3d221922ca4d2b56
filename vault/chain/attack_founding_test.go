package chain_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
)

// foundingAttack is a first change that must be refused.
type foundingAttack struct {
	rule  string
	class chain.Class
	spoil func(*chaintest.World, *chaintest.Draft)
}

// spoilFile edits one file of a draft.
func spoilFile(path, old, new string) func(*chaintest.World, *chaintest.Draft) {
	return func(_ *chaintest.World, d *chaintest.Draft) {
		data := bytes.Replace(d.Files[path], []byte(old), []byte(new), 1)
		if bytes.Equal(data, d.Files[path]) {
			panic("no " + old + " in " + path)
		}
		d.Files[path] = data
	}
}

func foundingAttacks() map[string]foundingAttack {
	anaPath := func(w *chaintest.World) string { return policy.MemberPath(w.Ana.Device.ID) }
	spoilAna := func(old, new string) func(*chaintest.World, *chaintest.Draft) {
		return func(w *chaintest.World, d *chaintest.Draft) { spoilFile(anaPath(w), old, new)(w, d) }
	}
	return map[string]foundingAttack{
		"CRLF": {"grammar", chain.Malformed, func(_ *chaintest.World, d *chaintest.Draft) {
			d.Raw = func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }
		}},
		"no vault.json":                  {"founding", chain.Malformed, func(_ *chaintest.World, d *chaintest.Draft) { delete(d.Files, policy.FoundingPath) }},
		"vault.json of another spelling": {"founding", chain.Malformed, spoilFile(policy.FoundingPath, "\n", "\n\n")},
		"vault.json of a newer format":   {"founding", chain.NewerFormat, spoilFile(policy.FoundingPath, "\"format\": 1", "\"format\": 2")},
		"an author of another vault": {"vault", chain.BadParent, func(_ *chaintest.World, d *chaintest.Draft) {
			d.Change = func(c *change.Draft) { c.Author.Vault = strings.Repeat("a", 26) }
		}},
		"not the first": {"seq", chain.BadParent, func(_ *chaintest.World, d *chaintest.Draft) {
			d.Change = func(c *change.Draft) { c.Seq = 2 }
		}},
		"signed by another": {"signature", chain.BadSignature, func(w *chaintest.World, d *chaintest.Draft) {
			d.Sign = w.NewActor("mal").Signer.SignCommit
		}},
		"by another device": {"signature", chain.BadSignature, func(w *chaintest.World, d *chaintest.Draft) {
			mal := w.NewActor("mal")
			d.Sign = mal.Signer.SignCommit
			d.Change = func(c *change.Draft) { c.Author.Device = mal.Device.ID }
		}},
		"the founder's key in the name of another device": {"signature", chain.BadSignature, func(w *chaintest.World, d *chaintest.Draft) {
			d.Change = func(c *change.Draft) { c.Author.Device = w.NewActor("mal").Device.ID }
		}},
		"another file": {"path", chain.Malformed, func(_ *chaintest.World, d *chaintest.Draft) { d.Files["README.md"] = []byte("x") }},
		"a link in the tree": {"tree", chain.Tampered, func(_ *chaintest.World, d *chaintest.Draft) {
			d.Extra = []chaintest.Extra{{Mode: "120000", Name: "x", Data: []byte("/")}}
		}},
		"a secret": {"founding-paths", chain.Denied, func(w *chaintest.World, d *chaintest.Draft) {
			id := strings.Repeat("ab", 20)
			in := record.SealInput{Where: record.Where{Vault: w.Vault, Environment: policy.Production, ID: id}, Names: keys.NewKey(), Key: keys.NewKey()}
			in.Header = record.Header{Kind: record.Set, Epoch: 1, Version: 1, Seq: 1, Since: 1}
			in.Label = record.Label{Name: "X", Kind: record.Variable}
			d.Files[chain.SecretPath(policy.Production, id)] = w.SealRecord(in)
		}},
		"no policy":      {"policy", chain.Malformed, func(_ *chaintest.World, d *chaintest.Draft) { delete(d.Files, policy.FormatPath) }},
		"nobody manages": {"policy", chain.Incomplete, spoilFile(policy.RolePath(policy.Admin), "\"manage\": true", "\"manage\": false")},
		"another join": {"join", chain.BadSignature, func(w *chaintest.World, d *chaintest.Draft) {
			refound(w, d, func(p *policy.Policy, _ *chaintest.Actor) {
				ana, _ := p.MemberByHandle("ana")
				ana.Devices[0].Join[0] ^= 1
				p.PutMember(ana)
			})
		}},
		"the founder's handle": {"founder", chain.Denied, spoilAna("\"handle\": \"ana\"", "\"handle\": \"ann\"")},
		"another member manages, not the founder": {"founder", chain.Denied, func(w *chaintest.World, d *chaintest.Draft) {
			refound(w, d, func(p *policy.Policy, mal *chaintest.Actor) {
				ana, _ := p.MemberByHandle("ana")
				ana.Roles = []string{policy.Viewer}
				p.PutMember(ana)
				p.PutMember(mal.Member(policy.Admin))
			})
		}},
		"the founder is no member": {"founder", chain.Denied, func(w *chaintest.World, d *chaintest.Draft) {
			p := w.FoundingPolicy()
			mal := w.NewActor("mal").Member(policy.Admin)
			both := p.Clone()
			both.PutMember(mal)
			q, err := both.Check()
			if err != nil {
				panic(err)
			}
			p, err = q.With(map[string][]byte{anaPath(w): nil})
			if err != nil {
				panic(err)
			}
			d.Files = w.FoundingDraft(p).Files
		}},
		"a role that has turned": {"founding-policy", chain.Denied, func(w *chaintest.World, d *chaintest.Draft) {
			refound(w, d, func(p *policy.Policy, _ *chaintest.Actor) {
				r, _ := p.Role(policy.Viewer)
				p.PutRole(r.Turned(w.NewRecipient()))
			})
		}},
		"a retired member": {"founding-policy", chain.Denied, func(w *chaintest.World, d *chaintest.Draft) {
			refound(w, d, func(p *policy.Policy, mal *chaintest.Actor) {
				m := mal.Member(policy.Viewer)
				m.Retired = true
				p.PutMember(m)
			})
		}},
		"a format of the future": {"founding-policy", chain.Denied, func(w *chaintest.World, d *chaintest.Draft) {
			refound(w, d, func(p *policy.Policy, _ *chaintest.Actor) { p.PutFormat(2) })
		}},
		"a wrap forgotten": {"wrap-missing", chain.Incomplete, func(_ *chaintest.World, d *chaintest.Draft) {
			delete(d.Files, "keys/environments/production/1/admin.age")
		}},
		"a wrap too many": {"wrap-extra", chain.Denied, func(_ *chaintest.World, d *chaintest.Draft) {
			d.Files["keys/environments/production/1/viewer.age"] = d.Files["keys/environments/production/1/admin.age"]
		}},
	}
}

// refound makes a draft one of another founding policy.
func refound(w *chaintest.World, d *chaintest.Draft, edit func(*policy.Policy, *chaintest.Actor)) {
	p := w.FoundingPolicy().Clone()
	edit(p, w.NewActor("mal"))
	next, err := p.Check()
	if err != nil {
		panic(err)
	}
	d.Files = w.FoundingDraft(next).Files
}

// copyOf is a draft to spoil.
func copyOf(d *chaintest.Draft) *chaintest.Draft {
	made := *d
	made.Files = maps.Clone(d.Files)
	return &made
}

func TestFoundingAttacksAreRefused(t *testing.T) {
	w := chaintest.Unfounded(t)
	first := w.FoundingDraft(w.FoundingPolicy())
	table := foundingAttacks()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		a := table[name]
		t.Run(name, func(t *testing.T) {
			d := copyOf(first)
			a.spoil(w, d)
			next, err := w.Judge(d)
			var e *chain.Error
			if next != nil || !errors.As(err, &e) {
				t.Fatalf("accepted: %v", err)
			}
			if e.Rule != a.rule || e.Class != a.class {
				t.Errorf("refused by %s as %s, want %s as %s: %v", e.Rule, e.Class, a.rule, a.class, err)
			}
		})
	}
}
