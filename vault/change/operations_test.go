package change_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

// told are the operations of the world's newest change, as lines.
func told(t *testing.T, w *chaintest.World) []string {
	t.Helper()
	n := len(w.Changes)
	var parent change.Parent
	if n > 1 {
		parent = w.States[n-2]
	}
	list, err := change.Operations(parent, w.Changes[n-1].Touched)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, op := range list {
		switch op.Kind {
		case change.Policy:
			for _, e := range op.Edits {
				lines = append(lines, fmt.Sprintf("%s: %s: %s %s->%s", e.Action, e.Subject, e.Field, e.From, e.To))
			}
		case change.Rotate:
			lines = append(lines, fmt.Sprintf("rotate %s to %d", op.Key, op.Epoch))
		default:
			lines = append(lines, fmt.Sprintf("%s in %s, version %d, before: %v", op.Kind, op.Environment, op.Header.Version, op.Before != nil))
		}
	}
	return lines
}

func TestOperationsTellWhatAChangeDid(t *testing.T) {
	w := chaintest.New(t)
	is := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, want...), told(t, w)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	w.Commit(w.Draft(w.Ana))
	is("checkpoint")
	w.Commit(w.Set(w.Ana, policy.Staging, "A", "1"))
	is("first", "set in staging, version 1, before: false")
	w.Commit(w.Relabel(w.Ana, policy.Staging, "A", "note"))
	is("label", "label in staging, version 2, before: true")
	w.Commit(w.Delete(w.Ana, policy.Staging, "A"))
	is("delete", "delete in staging, version 3, before: true")
	w.Commit(w.Rotate(w.Ana, policy.Staging))
	is("rotation", "rotate environment staging to 2")

	ben := w.Admit("ben", policy.Developer)
	is("admission",
		"member added: ben:  ->person",
		"role given: ben: developer ->",
		"device added: ben: "+ben.Device.ID+" ->laptop")
	w.Commit(w.Edit(w.Ana, func(p *policy.Policy) {
		m, _ := p.MemberByHandle("ben")
		m.Roles, m.Email = []string{policy.Viewer}, "ben@example.com"
		p.PutMember(m)
	}))
	is("other role",
		"member changed: ben: email ->ben@example.com",
		"role given: ben: viewer ->",
		"role taken: ben: developer ->",
		"rotate role developer to 2",
		"rotate environment development to 2",
		"rotate environment production to 2",
		"rotate environment staging to 3")
	w.Commit(w.Edit(w.Ana, func(p *policy.Policy) {
		r, _ := p.Role(policy.Viewer)
		r.Grants[policy.Staging] = policy.Read
		r.Audit = true
		p.PutRole(r)
		e := policy.NewEnvironment("qa")
		e.MaxAge = 86400
		p.PutEnvironment(e)
		p.PutRole(policy.Role{Name: "tester", Grants: map[string]policy.Level{"qa": policy.Write}})
		p.PutTemplate(policy.Template{Environment: "qa", Entries: []policy.TemplateEntry{{Name: "PORT", Type: policy.TypeInteger, Required: true}}})
		p.PutCloudKey(w.NewCloudKey("ci", "tester"))
	}))
	id := w.NewCloudKey("ci").ID
	is("wider, and more",
		"cloud key added: "+id+": aws ->arn:aws:kms:eu-central-1:123456789012:alias/ci",
		"role given: "+id+": tester ->",
		"environment added: qa:  ->",
		"environment changed: qa: max_age 0->86400",
		"role added: tester:  ->",
		"grant changed: tester: qa none->write",
		"grant changed: viewer: staging list->read",
		"grant changed: viewer: audit no->yes",
		"template changed: qa: PORT ->integer required=yes ")
	w.Commit(w.Edit(w.Ana, func(p *policy.Policy) { p.PutFormat(2) }))
	is("format", "format raised: :  1->2")
}

func TestOperationsOfTheFoundingChange(t *testing.T) {
	w := chaintest.New(t)
	lines := told(t, w)
	for _, want := range []string{"member added: ana:  ->person", "environment added: production:  ->", "grant changed: admin: manage no->yes"} {
		found := false
		for _, line := range lines {
			found = found || line == want
		}
		if !found {
			t.Errorf("no %q in %q", want, lines)
		}
	}
}

func TestOperationsOfNonsenseAreAnError(t *testing.T) {
	w := chaintest.New(t)
	for _, path := range []string{"secrets/staging/00/0000000000000000000000000000000000000000", "policy/format.json"} {
		if ops, err := change.Operations(w.State, []chain.Touched{{Path: path, New: change.NewBlob([]byte("x"))}}); err == nil {
			t.Errorf("%s: %v", path, ops)
		}
	}
}
