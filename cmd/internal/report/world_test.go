package report_test

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/cloudlog"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/report"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

const day = 24 * 60 * 60

// start is when the vault of the tests was founded; the report is made a year later.
const start = 1700000000

var madeAt = time.Unix(start+365*day, 0)

// Texts that somebody may have put where a report shows them.
const (
	script = `<script>document.title='owned'</script>`
	image  = `"><img src=http://192.0.2.1/x onerror=document.title='owned'>`
	turned = "ana\u202Egnp.exe"
	escape = "\x1b[31mred\x07"
)

// world is a year in the life of a team.
type world struct {
	t   testing.TB
	now int64
	ana vaulttest.Machine
	id  string
	v   *vault.Vault
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: start, ana: vaulttest.NewMachine(t)}
	o := w.ana.Options("")
	o.Clock = func() time.Time { return time.Unix(w.now, 0) }
	v, err := vault.Init(t.Context(), vault.InitOptions{Options: o, Handle: "ana", Name: "Ana " + script, Device: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	w.v, w.id = v, v.ID()
	return w
}

func (w *world) edit(after int64, edits ...team.Edit) {
	w.t.Helper()
	w.now += after
	vaulttest.Edit(w.t, w.v, edits...)
}

func (w *world) set(after int64, environment string, meta vault.Meta, names ...string) {
	w.t.Helper()
	w.now += after
	d := w.v.Draft()
	for _, n := range names {
		d.Set(environment, n, keys.NewSecret([]byte("the value of "+n+" in "+environment+" at "+time.Unix(w.now, 0).String())), meta)
	}
	if _, err := d.Commit(w.t.Context(), "set "+image); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) admit(after int64, m vaulttest.Machine, handle, name string, kind policy.MemberKind, roles ...string) {
	w.t.Helper()
	w.edit(after, team.Admit(team.Admission{Handle: handle, Name: name, Kind: kind, Roles: roles, Device: m.Device(w.t, w.v, "laptop")}))
}

// year makes the history. It ends with a little to be done.
func (w *world) year() {
	w.t.Helper()
	ben, cleo, carl, deploy := vaulttest.NewMachine(w.t), vaulttest.NewMachine(w.t), vaulttest.NewMachine(w.t), vaulttest.NewMachine(w.t)
	w.set(day, "development", vault.Meta{}, "DATABASE_URL", "REDIS_URL", "API_KEY")
	w.set(2*day, "production", vault.Meta{}, "DATABASE_URL", "STRIPE_KEY", "SENTRY_DSN")
	w.admit(3*day, ben, "ben", "Ben", policy.Person, policy.Developer)
	w.admit(20*day, cleo, "cleo", image, policy.Person, policy.Developer)
	w.edit(day, team.PutRole(team.Role{Name: "auditor", Audit: true}), team.PutRole(team.Role{Name: "deploy", Grants: map[string]policy.Level{"production": policy.Read}}))
	w.admit(day, carl, "carl", turned, policy.Person, "auditor")
	w.admit(day, deploy, "deploy-bot", "Deploys & rolls 'back'", policy.Service, "deploy")
	for range 12 {
		w.set(9*day, "staging", vault.Meta{}, "DATABASE_URL")
		w.set(9*day, "development", vault.Meta{}, "FEATURE_FLAG")
	}
	w.edit(10*day, team.AddRole("cleo", "deploy"))
	w.edit(20*day, team.Remove("cleo"))
	w.set(5*day, "production", vault.Meta{Expires: ptr(int64(start + 300*day))}, "STRIPE_KEY")
	w.set(5*day, "production", vault.Meta{RotateDays: ptr(30)}, "OLD_TOKEN")
}

func ptr[T any](x T) *T { return &x }

// readings are receipts of ana's, spread over the year.
func (w *world) readings(n int) []receipt.Entry {
	w.t.Helper()
	who, err := w.v.Identity(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	log, err := receipt.NewLog(w.v.Local(), who.Device.ID, receipt.Root(w.ana.Seed))
	if err != nil {
		w.t.Fatal(err)
	}
	head := w.v.Head()
	environments := []string{"development", "development", "staging", "production", "gone"}
	for i := range n {
		_, err := log.Append(w.t.Context(), receipt.Receipt{
			Time: start + int64(i)*364*day/int64(n), Action: "run", Environment: environments[i%5], Seq: head.Seq, Sum: hex.EncodeToString(head.Sum[:]), All: true,
			Program: script, Host: escape, CI: image, Reason: turned,
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	p, err := log.Read(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Entries
}

// page makes the report of the world.
func (w *world) page(change func(*report.Options)) string {
	w.t.Helper()
	verdict, err := audit.Verify(w.t.Context(), w.v, audit.VerifyOptions{All: true})
	if err != nil {
		w.t.Fatal(err)
	}
	o := report.Options{Vault: w.v, Project: "shop " + script, By: "ana", Now: madeAt, Verdict: verdict}
	change(&o)
	p, err := report.Make(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

// full has something in every section, and lies in every text.
func full(t testing.TB) string {
	t.Helper()
	w := newWorld(t)
	w.year()
	entries := w.readings(300)
	return w.page(func(o *report.Options) {
		o.Pending, o.Logs = entries, true
		o.Unlocks = []audit.Unlock{
			{Event: cloudlog.Event{Time: start + 200*day, Principal: script, Address: image}, Name: "production", State: audit.Silent},
			{Event: cloudlog.Event{Time: start + 201*day, Principal: "arn:aws:sts::111122223333:assumed-role/deploy/i-0123456789abcdef0", Address: "203.0.113.9"}, Name: "deploy", State: audit.ByCloud},
		}
		o.Verdict.Findings = []audit.Finding{
			{Class: audit.Gap, What: "receipts 4 to 7 are missing " + script, Handle: "ben", Proof: []string{"git cat-file -p 1234567890123456789012345678901234567890"}},
			{Class: audit.Unreadable, Note: true, What: escape},
		}
	})
}

func TestThePageHoldsWhatSomebodyWantsToKnow(t *testing.T) {
	page := full(t)
	for _, want := range []string{
		"Who can read what now", ">ben<", ">deploy-bot<", `<span class="level write">write</span>`, `<span class="level none">none</span>`, "manages", "audits",
		"Readings over time", ">others<", "Changes over time", "Who reads most", "Still to be changed", "cleo", "STRIPE_KEY", "expired on", "every 30 days",
		"no receipt", "receipts 4 to 7 are missing", "Something is wrong", "A changed client can read silently",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "the value of") {
		t.Error("the page holds a value")
	}
	if len(page) > 2<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

func TestNothingThatSomebodyWroteComesToLife(t *testing.T) {
	page := full(t)
	for _, bad := range []string{"<script", "<img", "\u202E", "\x1b", "\x07", "onerror=document.title='owned'>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"&lt;script&gt;", `ana\u202egnp.exe`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: it was to be shown, and dead", want)
		}
	}
	for _, from := range []string{`src="`, "href=\"http", "url(", "@import", "style=\"", "<link", "<iframe", "<object", "<form"} {
		if strings.Contains(page, from) {
			t.Errorf("the page has %q", from)
		}
	}
}

func TestAVaultOfOneDayIsShownToo(t *testing.T) {
	w := newWorld(t)
	page := w.page(func(o *report.Options) {
		o.Now = time.Unix(start, 0)
		o.WhyNoReadings = "ana may not audit this vault"
	})
	for _, want := range []string{"Nobody ever lost access", "Readings are not shown: ana may not audit this vault", "This vault has no cloud keys"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Error("a plot divides by nothing")
	}
}

func TestAnAuditorWhoListsNothingGetsAPage(t *testing.T) {
	w := newWorld(t)
	w.set(day, "production", vault.Meta{}, "STRIPE_KEY")
	carl := vaulttest.NewMachine(t)
	w.edit(day, team.PutRole(team.Role{Name: "auditor", Audit: true}))
	w.admit(day, carl, "carl", "Carl", policy.Person, "auditor")
	w.v = carl.Pull(t, w.v)
	page := w.page(func(o *report.Options) {})
	if strings.Contains(page, "STRIPE_KEY") || !strings.Contains(page, "are not seen") {
		t.Error("the auditor sees names, or isn't told that he doesn't")
	}
}

func write(t testing.TB, page string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	writeFile(t, path, []byte(page))
	return path
}
