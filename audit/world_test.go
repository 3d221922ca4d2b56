package audit_test

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

const now = vaulttest.Now

// person is somebody with a machine, the vault on it and a log of receipts.
type person struct {
	t       testing.TB
	machine vaulttest.Machine
	vault   *vault.Vault
	log     receipt.Log
	device  string
}

func newPerson(t testing.TB, m vaulttest.Machine, v *vault.Vault) *person {
	t.Helper()
	who, err := v.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log, err := receipt.NewLog(v.Local(), who.Device.ID, receipt.Root(m.Seed))
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, m, v, log, who.Device.ID}
}

// world is a vault with a founder, a developer and an auditor, who can open no value,
// and a host for the receipts branch.
type world struct {
	t              testing.TB
	ana, ben, carl *person
	host           string // folder of the bare repository
	remote         audit.Remote
}

func newWorld(t testing.TB) *world {
	t.Helper()
	h := remotetest.Folder(t)
	w := &world{t: t, host: h.Create(t, "team")}
	u, err := remote.Parse(h.Address("team"), remote.FromUser, "")
	if err != nil {
		t.Fatal(err)
	}
	w.remote = audit.Remote{URL: u, Transport: remote.NewBuiltin(remote.BuiltinOptions{Note: func(string) {}})}
	made := theMold.of(t)
	for i, p := range []**person{&w.ana, &w.ben, &w.carl} {
		m := made.machines[i].Clone(t)
		*p = newPerson(t, m, m.Open(t, made.id))
	}
	return w
}

// mold is three machines with one vault, made once and copied for each test.
type mold struct {
	once     sync.Once
	folder   string
	id       string
	machines []vaulttest.Machine
}

var theMold mold

func TestMain(m *testing.M) {
	code := m.Run()
	if theMold.folder != "" {
		os.RemoveAll(theMold.folder)
	}
	os.Exit(code)
}

func (m *mold) of(t testing.TB) *mold {
	t.Helper()
	m.once.Do(func() { m.make(t) })
	if m.id == "" {
		t.Fatal("the vault that is copied could not be made")
	}
	return m
}

func (m *mold) make(t testing.TB) {
	var err error
	if m.folder, err = os.MkdirTemp("", "secr-audit-*"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ana", "ben", "carl"} {
		dir := filepath.Join(m.folder, name)
		home, err := local.NewHome(func(name string) string {
			if name == "SECR_HOME" {
				return dir
			}
			return ""
		}, filepath.Join(dir, "user"))
		if err != nil {
			t.Fatal(err)
		}
		m.machines = append(m.machines, vaulttest.Machine{Home: home, Seed: keys.NewSeed()})
	}
	ana := m.machines[0].Init(t)
	vaulttest.Edit(t, ana, team.PutRole(team.Role{Name: "auditor", Audit: true}))
	vaulttest.Admit(t, ana, m.machines[1], "ben", policy.Developer)
	vaulttest.Admit(t, ana, m.machines[2], "carl", "auditor")
	vaulttest.Set(t, ana, "development", "A", "one", "B", "two")
	m.machines[1].Pull(t, ana)
	m.machines[2].Pull(t, ana)
	m.id = ana.ID()
}

// pull brings everybody to where ana is.
func (w *world) pull() {
	w.t.Helper()
	for _, p := range []*person{w.ben, w.carl} {
		p.vault = p.machine.Pull(w.t, w.ana.vault)
	}
}

// read reads secrets of development, all without names, and leaves a receipt.
func (p *person) read(at int64, names ...string) {
	p.t.Helper()
	if err := p.tryRead(at, "development", names...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) tryRead(at int64, environment string, names ...string) error {
	w := vault.WitnessFunc(func(ctx context.Context, r vault.Reading) error { return p.note(ctx, at, r) })
	_, err := p.vault.Reveal(p.t.Context(), w, vault.Request{Environment: environment, Names: names, Action: "run"})
	return err
}

func (p *person) note(ctx context.Context, at int64, r vault.Reading) error {
	note := receipt.Receipt{
		Time: at, Action: r.Action, Environment: r.Environment, Seq: r.Head.Seq, Sum: hex.EncodeToString(r.Head.Sum[:]),
		All: r.All, Program: "npm", Host: "desk",
	}
	for _, s := range r.Secrets {
		if !r.All {
			note.Secrets = append(note.Secrets, receipt.Secret{ID: s.ID, Version: s.Version})
		}
	}
	_, err := p.log.Append(ctx, note)
	return err
}

// share publishes what the person has read.
func (w *world) share(p *person) audit.Exchanged {
	w.t.Helper()
	x, err := w.tryShare(p)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

func (w *world) tryShare(p *person) (audit.Exchanged, error) {
	return audit.Exchange(w.t.Context(), p.vault, w.remote, &audit.Source{Log: p.log, Now: now})
}

// fetch brings the branch to a person who publishes nothing.
func (w *world) fetch(p *person) audit.Exchanged {
	w.t.Helper()
	x, err := audit.Exchange(w.t.Context(), p.vault, w.remote, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

// branch reads what a person has of the branch.
func (p *person) branch() *audit.Branch {
	p.t.Helper()
	known, err := audit.ReadKnown(p.vault)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := audit.ReadBranch(p.t.Context(), p.vault, p.vault.Repo(), known.Tips()...)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// tip is where the branch stands at the host.
func (w *world) tip() string {
	w.t.Helper()
	return remotetest.Run(w.t, w.host, "rev-parse", "refs/heads/secr/receipts")
}

func (w *world) setTip(commit string) {
	w.t.Helper()
	remotetest.Run(w.t, w.host, "update-ref", "refs/heads/secr/receipts", commit)
}

func hashOf(t testing.TB, text string) repo.Hash {
	t.Helper()
	h, err := repo.ParseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// told are the events as lines.
func told(t testing.TB, p *person, o audit.LogOptions) []string {
	t.Helper()
	out := []string{}
	for e, err := range audit.Log(t.Context(), p.vault, o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line(e))
	}
	return out
}

func line(e audit.Event) string {
	if e.Read != nil {
		n := "all"
		if !e.Read.All {
			n = strings.Repeat("*", len(e.Read.Secrets))
		}
		return e.Handle + " read " + e.Read.Action + " " + e.Read.Environment + " " + n
	}
	s := e.Handle
	for _, o := range e.Change.Operations {
		s += " " + o.Action
	}
	return s
}

// classes are the findings, notes in brackets.
func classes(findings []audit.Finding) []string {
	out := []string{}
	for _, f := range findings {
		if f.Note {
			out = append(out, "("+string(f.Class)+")")
			continue
		}
		out = append(out, string(f.Class))
	}
	return out
}

func role(name string) team.Edit {
	return func(p *policy.Policy) error {
		r, _ := p.Role(name)
		r.Audit = true
		p.PutRole(r)
		return nil
	}
}

type policyDraft = policy.Policy
