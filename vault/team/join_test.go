package team_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

const soon = vaulttest.Now + 3600

func invite(t *testing.T, v *vault.Vault, handle string, roles ...string) team.Line {
	t.Helper()
	l, err := team.Invite(t.Context(), v, team.InviteOptions{Handle: handle, Roles: roles, Expires: soon, Remote: "https://example.org/team/app.git"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func request(t *testing.T, m vaulttest.Machine, l team.Line) team.Request {
	t.Helper()
	r, err := team.NewRequest(m.Seed, l, team.RequestOptions{Handle: "benny", Name: "Ben", Device: "laptop", Kind: policy.Machine})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// carried is a request after its way through anybody's hands.
func carried(t *testing.T, r team.Request) team.Request {
	t.Helper()
	text, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > team.MaxRequest {
		t.Errorf("a request of %d bytes", len(text))
	}
	out, err := team.ParseRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, out); diff != "" {
		t.Error(diff)
	}
	return out
}

func TestInvitedIsAdmittedAsTheInviteSays(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	sent := invite(t, v, "ben", policy.Developer)
	got, err := team.ParseLine(string(sent.Text().Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	if got.Vault != v.ID() || got.Floor != v.Head().Point() || got.Handle != "ben" || got.Remote != sent.Remote || got.Expires != soon {
		t.Errorf("the line says %+v", got.Place)
	}
	r := carried(t, request(t, ben, got))
	m, err := team.Check(t.Context(), v, r, vaulttest.Now)
	if err != nil || !m.Proved {
		t.Fatalf("%+v, %v", m, err)
	}
	vaulttest.Edit(t, v, team.Admit(m.Admission(r)))
	member, ok := v.Policy().MemberByHandle("ben")
	if !ok || !slices.Equal(member.Roles, []string{policy.Developer}) {
		t.Errorf("%+v", member)
	}
	if len(v.Policy().Invites()) != 0 {
		t.Error("the invite is still open")
	}
	if diff := cmp.Diff(map[string]string{"A": "one"}, vaulttest.Values(t, ben.Pull(t, v), "development")); diff != "" {
		t.Error(diff)
	}
	// The same request again, and another for the same invite.
	if _, err := team.Check(t.Context(), v, r, vaulttest.Now); !errors.Is(err, team.ErrKnownDevice) {
		t.Errorf("replayed: %v", err)
	}
	if _, err := team.Check(t.Context(), v, request(t, vaulttest.NewMachine(t), got), vaulttest.Now); !errors.Is(err, team.ErrInviteClosed) {
		t.Errorf("used twice: %v", err)
	}
}

func TestAnyManagerCanAdmit(t *testing.T) {
	ana, cleo, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	l := invite(t, v, "ben", policy.Viewer)
	vaulttest.Admit(t, v, cleo, "cleo", policy.Admin)
	c := cleo.Pull(t, v)
	m, err := team.Check(t.Context(), c, request(t, ben, l), vaulttest.Now)
	if err != nil || !m.Proved {
		t.Errorf("%+v, %v", m, err)
	}
	vaulttest.Edit(t, c, team.PutRole(team.Role{Name: "owner", Manage: true}), team.AddRole("cleo", "owner"))
	if m, err = team.Check(t.Context(), c, request(t, ben, l), vaulttest.Now); err != nil || !m.Proved {
		t.Errorf("after another role manages: %+v, %v", m, err)
	}
}

// A second line for somebody who is in by then would be a way in for whoever finds it.
func TestAdmissionClosesEveryInviteForTheHandle(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	first, second := invite(t, v, "ben", policy.Developer), invite(t, v, "ben", policy.Admin)
	invite(t, v, "cleo", policy.Viewer)
	r := request(t, ben, first)
	m, err := team.Check(t.Context(), v, r, vaulttest.Now)
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.Edit(t, v, team.Admit(m.Admission(r)))
	if open := v.Policy().Invites(); len(open) != 1 || open[0].Handle != "cleo" {
		t.Errorf("open invites: %+v", open)
	}
	if _, err := team.Check(t.Context(), v, request(t, vaulttest.NewMachine(t), second), vaulttest.Now); !errors.Is(err, team.ErrInviteClosed) {
		t.Errorf("the second line: %v", err)
	}
	// Nobody vouched for by an invite: the lines for that handle close all the same.
	vaulttest.Admit(t, v, vaulttest.NewMachine(t), "cleo", policy.Viewer)
	if open := v.Policy().Invites(); len(open) != 0 {
		t.Errorf("open invites: %+v", open)
	}
}

// Who managed knows the keys of open invites and could answer them himself.
func TestInvitesCloseWhenAManagerLeaves(t *testing.T) {
	ana, cleo := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, cleo, "cleo", policy.Admin)
	invite(t, v, "ben", policy.Admin)
	r := vaulttest.Edit(t, v, team.Remove("cleo"))
	if diff := cmp.Diff([]string{"ben"}, r.Closed); diff != "" {
		t.Error(diff)
	}
	if len(v.Policy().Invites()) != 0 {
		t.Error("the invite is open")
	}
}

func TestRequestsAreNotBelieved(t *testing.T) {
	ana, ben, eve := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v, other := ana.Init(t), eve.Init(t)
	l := invite(t, v, "ben", policy.Admin)
	r := request(t, ben, l)
	evil := request(t, eve, l)
	guessed := l
	guessed.Secret = keys.NewSecret(make([]byte, 16))
	without, err := team.NewRequestWithoutInvite(eve.Seed, team.PlaceOf(v), team.RequestOptions{Handle: "ben", Device: "laptop", Kind: policy.Machine})
	if err != nil {
		t.Fatal(err)
	}
	alter := func(f func(*team.Request)) team.Request {
		x := r
		f(&x)
		return x
	}
	for name, c := range map[string]struct {
		request team.Request
		want    error
	}{
		"another's keys under ben's signature": {alter(func(x *team.Request) { x.Recipient = evil.Recipient }), team.ErrRequest},
		"another's keys, the first proof":      {alter(func(x *team.Request) { x.Sign, x.Recipient, x.Join = evil.Sign, evil.Recipient, evil.Join }), team.ErrProof},
		"another name":                         {alter(func(x *team.Request) { x.Name = "The Boss" }), team.ErrProof},
		"no proof":                             {alter(func(x *team.Request) { x.Proof = "" }), team.ErrProof},
		"a guessed secret":                     {request(t, eve, guessed), team.ErrInviteClosed},
		"no invite at all, signed for one":     {alter(func(x *team.Request) { x.Invite, x.Proof = "", "" }), team.ErrRequest},
		"an escape sequence":                   {alter(func(x *team.Request) { x.Name = "\x1b[2J" }), team.ErrRequest},
		"a handle that is a path":              {alter(func(x *team.Request) { x.Handle = "../ana" }), team.ErrRequest},
		"a recovery device":                    {alter(func(x *team.Request) { x.Kind = policy.Recovery }), team.ErrRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := team.Check(t.Context(), v, c.request, vaulttest.Now); !errors.Is(err, c.want) || m.Proved {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
	if m, err := team.Check(t.Context(), v, without, vaulttest.Now); err != nil || m.Proved {
		t.Errorf("without an invite: %+v, %v", m, err)
	}
	if _, err := team.Check(t.Context(), other, r, vaulttest.Now); !errors.Is(err, team.ErrOtherVault) {
		t.Errorf("another vault: %v", err)
	}
	if _, err := team.Check(t.Context(), v, r, soon+1); !errors.Is(err, team.ErrInviteExpired) {
		t.Errorf("too late: %v", err)
	}
	if m, err := team.Check(t.Context(), v, r, soon); err != nil || !m.Proved {
		t.Errorf("in time: %v", err)
	}
}

func TestOnlyTheOneSpellingOfARequestIsRead(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	text, err := request(t, ben, invite(t, v, "ben", policy.Viewer)).Text()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := team.ParseRequest(text); err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{
		"huge":          append(bytes.Clone(text), bytes.Repeat([]byte(" "), team.MaxRequest)...),
		"a final space": append(bytes.Clone(text), ' '),
		"empty":         nil,
		"null":          []byte("null\n"),
		"a field twice": bytes.Replace(text, []byte(`  "kind"`), []byte(`  "name": "x",`+"\n"+`  "kind"`), 1),
		"a new field":   bytes.Replace(text, []byte(`  "kind"`), []byte(`  "admin": true,`+"\n"+`  "kind"`), 1),
		"no newline":    bytes.TrimRight(text, "\n"),
	}
	for i := range text {
		bad[fmt.Sprintf("cut to %d", i)] = text[:i]
	}
	for name, b := range bad {
		if _, err := team.ParseRequest(b); !errors.Is(err, team.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALineThatWasNotCopiedWholeIsRefused(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	text := string(invite(t, v, "ben", policy.Viewer).Text().Reveal())
	if l, err := team.ParseLine(text); err != nil || strings.Contains(fmt.Sprintf("%v %+v %#v", l, l, l), string(l.Secret.Reveal())) {
		t.Errorf("%v", err)
	}
	for i := range text {
		flipped := []byte(text)
		flipped[i] ^= 1
		for _, bad := range []string{text[:i], string(flipped), text + "a"} {
			if _, err := team.ParseLine(bad); !errors.Is(err, team.ErrLine) {
				t.Fatalf("%d: %v", i, err)
			}
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("{\n  \"format\": \"secr/1 join\"\n}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := team.ParseRequest(data)
		if err != nil {
			return
		}
		again, err := r.Text()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("another spelling was read: %v", err)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	f.Add("secrinv1_aaaa")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := team.ParseLine(text)
		if err == nil && string(l.Text().Reveal()) != text {
			t.Error("another spelling was read")
		}
	})
}

func TestADeviceCanBeInvited(t *testing.T) {
	ana, second := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	o := team.InviteOptions{Handle: "ana", Expires: soon, Device: true}
	l, err := team.Invite(t.Context(), v, o)
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, second, l)
	m, err := team.Check(t.Context(), v, r, vaulttest.Now)
	if err != nil || !m.Proved || !m.IsDevice(v.Policy()) {
		t.Fatalf("%+v, %v", m, err)
	}
	device := r.Entry()
	device.Name = "desktop" // a wish, like all names
	vaulttest.Edit(t, v, team.AddDevice("ana", device))
	if len(v.Policy().Invites()) != 0 {
		t.Error("the invite is still open")
	}
	vaulttest.Values(t, second.Pull(t, v), "production")
	for name, o := range map[string]team.InviteOptions{
		"nobody":            {Handle: "ben", Expires: soon, Device: true},
		"with a role":       {Handle: "ana", Expires: soon, Device: true, Roles: []string{policy.Admin}},
		"no device, though": {Handle: "ana", Expires: soon},
	} {
		if _, err := team.Invite(t.Context(), v, o); err == nil {
			t.Errorf("%s: was invited", name)
		}
	}
}
