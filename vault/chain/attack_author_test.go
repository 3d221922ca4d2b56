package chain_test

import (
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

// raw is an empty change whose signed bytes are altered.
func raw(alter func(string) string) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Draft(s.Ana)
		d.Raw = func(b []byte) []byte {
			out := alter(string(b))
			if out == string(b) {
				panic("nothing was altered")
			}
			return []byte(out)
		}
		return d
	}
}

func swap(old, new string) func(*scene) *chaintest.Draft {
	return raw(func(s string) string { return strings.Replace(s, old, new, 1) })
}

// signedBy is an empty change in the name of one actor with the signature of another.
func signedBy(name, signer func(*scene) *chaintest.Actor) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Draft(name(s))
		d.Sign = signer(s).Signer.SignCommit
		return d
	}
}

func mal(s *scene) *chaintest.Actor { return s.mal }

// authorAttacks are about who made a change and where in the chain it stands.
func authorAttacks() map[string]attack {
	return map[string]attack{
		"any change of a newer format": {"format", chain.NewerFormat, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Parent = s.newer()
			return d
		}, nil},

		"CRLF":               {"grammar", chain.Malformed, raw(func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }), nil},
		"NUL in the subject": {"grammar", chain.Malformed, swap("a change for", "a\x00change for"), nil},
		"NUL at the end":     {"grammar", chain.Malformed, raw(func(s string) string { return s + "\x00" }), nil},
		"merge":              {"grammar", chain.Malformed, swap("\nauthor", "\nparent "+strings.Repeat("ab", 20)+"\nauthor"), nil},
		"second header":      {"grammar", chain.Malformed, swap("\ngpgsig", "\nencoding UTF-8\ngpgsig"), nil},
		"second trailer":     {"grammar", chain.Malformed, swap("\nSecr-Op", "\nSecr-Seq: 1\nSecr-Op"), nil},
		"gpgsig twice": {"grammar", chain.Malformed, raw(func(s string) string {
			from := strings.Index(s, "gpgsig ")
			to := strings.Index(s, "-----END") + len("-----END SSH SIGNATURE-----\n")
			return s[:to] + s[from:]
		}), nil},
		"no signature": {"grammar", chain.Malformed, raw(func(s string) string {
			from := strings.Index(s, "gpgsig ")
			to := strings.Index(s, "-----END") + len("-----END SSH SIGNATURE-----\n")
			return s[:from] + s[to:]
		}), nil},
		"no change at all": {"grammar", chain.Malformed, raw(func(string) string { return "" }), nil},

		"another name than its hash": {"commit", chain.Tampered, func(s *scene) *chaintest.Draft { return s.Draft(s.Ana) },
			func(_ *scene, c *chaintest.Signed) { c.ID[0] ^= 1 }},

		"made for another vault": {"vault", chain.BadParent, changed(ana, func(_ *scene, c *change.Draft) { c.Author.Vault = strings.Repeat("a", 26) }), nil},
		"seq too high":           {"seq", chain.BadParent, changed(ana, func(_ *scene, c *change.Draft) { c.Seq++ }), nil},
		"seq too low":            {"seq", chain.BadParent, changed(ana, func(_ *scene, c *change.Draft) { c.Seq-- }), nil},
		"a second founding change": {"seq", chain.BadParent, changed(ana, func(_ *scene, c *change.Draft) {
			c.Seq, c.Parent, c.ParentSum = 1, [20]byte{}, [32]byte{}
		}), nil},
		"parent of another chain": {"parent", chain.BadParent, changed(ana, func(_ *scene, c *change.Draft) { c.Parent[3] ^= 1 }), nil},
		"parent's sum wrong":      {"parent-sum", chain.BadParent, changed(ana, func(_ *scene, c *change.Draft) { c.ParentSum[3] ^= 1 }), nil},
		"a grandchild of the parent": {"parent", chain.BadParent, changed(ana, func(s *scene, c *change.Draft) {
			l, _ := s.State.Link(s.State.Head().Seq - 1)
			c.Parent, c.ParentSum = l.ID, l.Sum
		}), nil},

		"signed by an outsider in ana's name": {"signature", chain.BadSignature, signedBy(ana, mal), nil},
		"signed by ben in ana's name":         {"signature", chain.BadSignature, signedBy(ana, ben), nil},
		"signed by an unknown device":         {"signature", chain.BadSignature, signedBy(mal, mal), nil},
		"a bit of the signature flipped": {"signature", chain.BadSignature, raw(func(s string) string {
			at := strings.Index(s, "\n -----END") - 10
			return s[:at] + string(otherDigit(s[at])) + s[at+1:]
		}), nil},
		"subject altered after signing": {"signature", chain.BadSignature, swap("a change for", "A change for"), nil},
		"time altered after signing":    {"signature", chain.BadSignature, raw(func(s string) string { return strings.ReplaceAll(s, " +0000", "0 +0000") }), nil},

		"a removed manager signs":                     {"active", chain.Denied, func(s *scene) *chaintest.Draft { return s.Draft(s.eve) }, nil},
		"a removed manager back-dates":                {"active", chain.Denied, changed(func(s *scene) *chaintest.Actor { return s.eve }, func(_ *scene, c *change.Draft) { c.Time = chaintest.Start }), nil},
		"a removed device signs":                      {"active", chain.Denied, func(s *scene) *chaintest.Draft { return s.Set(s.gus, policy.Staging, "X", "1") }, nil},
		"an expired member signs":                     {"expiry", chain.Denied, func(s *scene) *chaintest.Draft { return s.Set(s.fay, policy.Staging, "X", "1") }, nil},
		"ben in the name of ana, with his own device": {"handle", chain.Denied, changed(ben, func(_ *scene, c *change.Draft) { c.Author.Handle = "ana" }), nil},
		"the operation of somebody else": {"op", chain.Denied, changed(ben, func(s *scene, c *change.Draft) {
			l, _ := s.State.Link(1)
			c.Op = l.Op
		}), nil},
	}
}

func otherDigit(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

// contentAttacks are about files that are not those which were signed, or can't be.
func contentAttacks() map[string]attack {
	out := map[string]attack{
		"a path listed twice": {"path", chain.Malformed, func(s *scene) *chaintest.Draft { return s.Set(s.ben, policy.Staging, "X", "1") },
			func(_ *scene, c *chaintest.Signed) { c.Touched = append(c.Touched, c.Touched[0]) }},
		"a file as it was": {"path", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.FormatPath] = s.State.Policy().Files()[policy.FormatPath]
			return d
		}, nil},
		"deleting what is not there": {"path", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Files[policy.InvitePath(s.mal.Device.ID)] = nil
			return d
		}, nil},
		"content of another git id": {"blob", chain.Tampered, func(s *scene) *chaintest.Draft { return s.Set(s.ben, policy.Staging, "X", "1") },
			func(_ *scene, c *chaintest.Signed) {
				c.Touched[0].New = &chain.Blob{Hash: [20]byte{1}, Data: c.Touched[0].New.Data}
			}},
		"other content than was signed": {"changes", chain.Tampered, func(s *scene) *chaintest.Draft {
			d := s.Set(s.ben, policy.Staging, "X", "1")
			d.Change = func(c *change.Draft) { c.ChangesSum[0] ^= 1 }
			return d
		}, nil},
		"a record exchanged after signing": {"changes", chain.Tampered, func(s *scene) *chaintest.Draft { return s.Set(s.ben, policy.Staging, "X", "1") },
			func(s *scene, c *chaintest.Signed) {
				other := s.Seal(s.Set(s.ben, policy.Staging, "X", "2"))
				c.Touched = other.Touched
			}},
		"a touched path kept from us": {"changes", chain.Tampered, func(s *scene) *chaintest.Draft { return s.Set(s.ben, policy.Staging, "X", "1") },
			func(_ *scene, c *chaintest.Signed) { c.Touched = nil }},
		"another tree": {"tree", chain.Tampered, changed(ana, func(_ *scene, c *change.Draft) { c.Tree[0] ^= 1 }), nil},

		"a wrap for two": {"wrap-form", chain.Malformed, edit(ana, admitMal, func(s *scene, d *chaintest.Draft) {
			d.Files[only(d, "keys/roles/")] = s.wrapForTwo()
		}), nil},
		"a wrap of any bytes": {"wrap-form", chain.Malformed, edit(ana, admitMal, func(_ *scene, d *chaintest.Draft) {
			d.Files[only(d, "keys/roles/")] = []byte("age-encryption.org/v1\n")
		}), nil},
		"a wrap that is too large": {"wrap-form", chain.Malformed, edit(ana, admitMal, func(_ *scene, d *chaintest.Draft) {
			path := only(d, "keys/roles/")
			d.Files[path] = append(d.Files[path], make([]byte, 8<<10)...)
		}), nil},
		"an empty wrap": {"wrap-form", chain.Malformed, edit(ana, admitMal, func(_ *scene, d *chaintest.Draft) {
			d.Files[only(d, "keys/roles/")] = []byte{}
		}), nil},
		"a device's wrap in a cloud key's place": {"wrap-form", chain.Malformed, func(s *scene) *chaintest.Draft {
			c := s.NewCloudKey("two", policy.Viewer)
			d := s.Edit(s.Ana, func(p *policy.Policy) { p.PutCloudKey(c) })
			path := only(d, "keys/roles/")
			d.Files[path] = s.wrapTo(s.mal, policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer}, path)
			return d
		}, nil},
		"a cloud key's wrap in a device's place": {"wrap-form", chain.Malformed, edit(ana, admitMal, func(s *scene, d *chaintest.Draft) {
			d.Files[only(d, "keys/roles/")] = s.cloudWrap(s.cloud, policy.Viewer)
		}), nil},
		"a wrap for another cloud": {"wrap-form", chain.Malformed, func(s *scene) *chaintest.Draft {
			c := s.NewCloudKey("two", policy.Viewer)
			d := s.Edit(s.Ana, func(p *policy.Policy) { p.PutCloudKey(c) })
			c.Provider = policy.GCP
			d.Files[only(d, "keys/roles/")] = s.cloudWrap(c, policy.Viewer)
			return d
		}, nil},
		"an id key that is too long": {"sealed-form", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Rotate(s.Ana, policy.Staging)
			path := only(d, "/id")
			d.Files[path] = append(d.Files[path], 0)
			return d
		}, nil},
		"a previous key that is empty": {"sealed-form", chain.Malformed, func(s *scene) *chaintest.Draft {
			d := s.Rotate(s.Ana, policy.Staging)
			for path := range d.Files {
				if strings.HasSuffix(path, "/previous") {
					d.Files[path] = []byte{}
				}
			}
			return d
		}, nil},
	}
	for name, e := range map[string]chaintest.Extra{
		"a link":           {Mode: "120000", Name: "secrets-too", Data: []byte("/etc/passwd")},
		"a submodule":      {Mode: "160000", Name: "sub", Data: []byte("x")},
		"an executable":    {Mode: "100755", Name: "run", Data: []byte("#!/bin/sh\n")},
		".git":             {Mode: "100644", Name: ".git", Data: []byte("gitdir: /tmp")},
		".git in capitals": {Mode: "100644", Name: ".GIT", Data: []byte("gitdir: /tmp")},
		".gitmodules":      {Mode: "100644", Name: ".gitmodules", Data: []byte("[submodule]")},
		"a second vault":   {Mode: "100644", Name: "VAULT.JSON", Data: []byte("{}")},
		"one hidden file":  {Mode: "100644", Name: "z", Data: []byte("x")},
	} {
		out["in the tree and not told of: "+name] = attack{"tree", chain.Tampered, func(s *scene) *chaintest.Draft {
			d := s.Draft(s.Ana)
			d.Extra = []chaintest.Extra{e}
			return d
		}, nil}
	}
	for _, path := range []string{
		"README.md", ".git/config", ".GIT/config", ".gitmodules", ".gitattributes", "vault.json/x", "Vault.json",
		"policy", "policy/format.json/x", "policy/other.json", "policy/roles/Admin.json", "policy/roles/a b.json", "policy/roles/-a.json",
		"policy/roles/a.JSON", "policy/roles/.json", "policy/roles/x/y.json", "policy/members/ana.json", "policy/extra/a.json",
		"policy/roles/" + strings.Repeat("a", 33) + ".json",
		"keys/x", "keys/roles/admin/1", "keys/roles/admin/01/@x.age", "keys/roles/admin/0/@x.age", "keys/roles/admin/+1/@x.age", "keys/roles/admin/1/x.txt", "keys/roles/admin/1/@.age",
		"keys/roles/admin/1/@x.age/y", "keys/roles/admin/99999999999999999999/@x.age", "keys/environments/staging/1/other", "keys/environments/staging/1/cloud/x.age",
		"keys/environments/staging/1/cloud", "keys/environments/staging/1/previous/x", "keys/audit/1/x", "keys/audit/previous", "keys/audit/1/admin.age/x",
		"secrets/staging", "secrets/staging/ab/" + strings.Repeat("a", 40), "secrets/staging/aa/" + strings.Repeat("a", 39), "secrets/staging/AA/" + strings.Repeat("A", 40),
		"secrets/staging/aa/" + strings.Repeat("a", 40) + "/x", "secrets/aa/" + strings.Repeat("a", 40), "secrets/Staging/aa/" + strings.Repeat("a", 40),
		"secrets/staging/aa/" + strings.Repeat("g", 40), "secrets//aa/" + strings.Repeat("a", 40), "secrets/../secrets/x", "./vault.json", "/vault.json", "vault.json/",
		"secrets\\staging", "policy/roles/a\u0301.json", strings.Repeat("a/", 60) + "x", strings.Repeat("x", 4096),
	} {
		out["path "+path] = attack{"path", chain.Malformed, put(ana, path, "x"), nil}
	}
	return out
}
