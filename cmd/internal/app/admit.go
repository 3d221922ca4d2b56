package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/vault/team"
)

func admitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "request", Usage: "a `file` with what secr join printed, - for standard input"},
		&cli.StringFlag{Name: "fingerprint", Usage: "the `words` that they read to you, where no invite vouches"},
		yesFlag(), noSyncFlag(),
	}
}

func (a *app) memberAddVerb() *cli.Command {
	return verb{
		name: "add", args: "[NAME]", short: "Admit somebody who asks to join",
		long: `Who answers an invite is admitted as it says, after one question. Otherwise you give
the roles, and type the fingerprint that they read to you: the words that secr join
showed on their machine. The request is looked for at the remote, or read from
--request.`,
		example: `secr member add ben
secr member add ben --role developer --request request.json`,
		flags: append(admitFlags(),
			&cli.StringSliceFlag{Name: "role", Usage: "a `role` that they get, again for several, where no invite says it"},
			&cli.StringFlag{Name: "expires", Usage: "when the membership ends: a date, 90d, 12h or never"},
			&cli.BoolFlag{Name: "service", Usage: "a machine's membership, not a person's"},
		),
		most: 1,
		run: func(c *cli.Context) error {
			o := admitOptionsOf(c)
			o.roles, o.expires, o.service = c.StringSlice("role"), c.String("expires"), c.Bool("service")
			return a.admit(c.Context, o)
		},
	}.command()
}

func admitOptionsOf(c *cli.Context) admitOptions {
	return admitOptions{
		handle: c.Args().First(), request: c.String("request"), fingerprint: c.String("fingerprint"), yes: c.Bool("yes"), noSync: c.Bool("no-sync"),
	}
}

type admitOptions struct {
	handle, request, fingerprint string
	roles                        []string
	expires                      string
	service                      bool
	asDevice                     bool   // of the member handle
	device                       string // what to call it
	yes, noSync                  bool
}

// candidate is a request and what this vault knows of it.
type candidate struct {
	request team.Request
	match   team.Match
	asked   joining.Asked // where it was found; zero for a file
}

// handle is the invite's, or what the request wishes.
func (c candidate) handle() string {
	if c.match.Proved {
		return c.match.Invite.Handle
	}
	return c.request.Handle
}

func (a *app) admit(ctx context.Context, o admitOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	if err := a.freshen(ctx, s, w, o.noSync); err != nil {
		return err
	}
	c, err := a.candidate(ctx, s, w, o)
	if err != nil {
		return err
	}
	g, err := a.admission(s, c, o)
	if err != nil {
		return err
	}
	switch {
	case c.match.Proved && !o.yes:
		g.confirm = func(ctx context.Context) error { return a.confirmAdmission(ctx, s, c) }
	case !c.match.Proved && o.fingerprint == "":
		g.confirm = func(ctx context.Context) error { return a.askFingerprint(ctx, c.request) }
	case !c.match.Proved:
		if err := compareFingerprint(c.request, o.fingerprint); err != nil {
			return err
		}
	}
	if err := a.governIn(ctx, s, w, g); err != nil {
		return err
	}
	return a.answered(ctx, s, w, c)
}

// candidate is the request to admit: from a file, or the one of that name that
// waits at the remote.
func (a *app) candidate(ctx context.Context, s *session, w way, o admitOptions) (candidate, error) {
	if o.request == "" {
		return a.waitingAs(ctx, s, w, o)
	}
	r, err := a.readRequest(o.request)
	if err != nil {
		return candidate{}, err
	}
	m, err := team.Check(ctx, s.vault, r, a.sys.Now().Unix())
	return candidate{request: r, match: m}, err
}

// readRequest takes a request as people carry it: with the line ends and the space
// of whatever it went through.
func (a *app) readRequest(path string) (team.Request, error) {
	in := io.Reader(a.sys.Stdin)
	if path != "-" {
		f, err := openInput(path)
		if err != nil {
			return team.Request{}, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, team.MaxRequest+1))
	if err != nil {
		return team.Request{}, err
	}
	if len(text) > team.MaxRequest {
		return team.ParseRequest(text)
	}
	var r team.Request
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || len(bytes.TrimSpace(rest(d, text))) > 0 {
		return team.Request{}, fmt.Errorf("%w: not what secr join printed", team.ErrRequest)
	}
	if text, err = r.Text(); err != nil {
		return team.Request{}, fmt.Errorf("%w: not what secr join printed", team.ErrRequest)
	}
	return team.ParseRequest(text)
}

// rest is what a decoder left.
func rest(d *json.Decoder, text []byte) []byte { return text[d.InputOffset():] }

// admission is the change that admits a candidate.
func (a *app) admission(s *session, c candidate, o admitOptions) (governing, error) {
	handle := o.handle
	if handle == "" || c.begins(handle) {
		handle = c.handle()
	}
	switch {
	case c.match.Proved && handle != c.match.Invite.Handle:
		return governing{}, exit.Usagef("the request answers the invite of %s, not of %s", c.match.Invite.Handle, handle)
	case c.match.Proved && len(o.roles) > 0:
		return governing{}, exit.Usagef("the invite says the roles").WithHint("secr member role %s --add %s, afterwards", handle, o.roles[0])
	case c.match.Proved && o.asDevice != c.match.IsDevice(s.vault.Policy()):
		return governing{}, exit.Usagef("the invite is for %s", map[bool]string{true: "a new member: secr member add", false: "a device: secr device add"}[o.asDevice])
	}
	device := c.request.Entry()
	if o.device != "" {
		device.Name = o.device
	}
	if o.asDevice {
		if m, ok := s.vault.Policy().MemberByHandle(handle); ok && o.device == "" {
			device.Name = freeName(m, device.Name)
		}
		return governing{subject: "admit " + handle + "/" + device.Name, done: handle + "/" + device.Name + " is in", edit: team.AddDevice(handle, device), noSync: o.noSync}, nil
	}
	admission := team.Admission{Handle: handle, Name: c.request.Name, Email: c.request.Email, Kind: policy.Person, Roles: o.roles, Device: device}
	if c.match.Proved {
		admission = c.match.Admission(c.request)
	}
	if o.service {
		admission.Kind = policy.Service
	}
	if len(admission.Roles) == 0 {
		return governing{}, exit.Usagef("which roles does %s get?", handle).WithHint("--role developer; secr role ls shows them")
	}
	var err error
	if admission.Expires, err = parseExpiry(o.expires, a.sys.Now()); err != nil {
		return governing{}, err
	}
	a.warnLookAlikes(s.vault.Policy(), handle)
	return governing{subject: "admit " + handle, done: handle + " is in", edit: team.Admit(admission), noSync: o.noSync}, nil
}

// confirmAdmission asks once. That it is the invited who asks is proved.
func (a *app) confirmAdmission(ctx context.Context, s *session, c candidate) error {
	i := c.match.Invite
	by, _ := s.vault.Policy().Member(i.By)
	as := "with the role " + lists(i.Roles)
	if len(i.Roles) == 0 {
		as = "as another device"
	}
	yes, err := a.term.Confirm(ctx, term.Question{
		Text: fmt.Sprintf("Admit %s (%s, device %s), invited by %s, %s?", i.Handle, describeAsking(c.request), c.request.Device, by.Handle, as),
		What: "a confirmation", Flag: "--yes",
	})
	if err == nil && !yes {
		err = term.ErrInterrupted
	}
	return err
}

// describeAsking is what a request says of its person.
func describeAsking(r team.Request) string {
	out := r.Name
	if out == "" {
		out = "no name"
	}
	if r.Email != "" {
		out += " <" + r.Email + ">"
	}
	return out
}

// askFingerprint has a person type the fingerprint that was read to them. It isn't shown
// before: what can be copied would be copied.
func (a *app) askFingerprint(ctx context.Context, r team.Request) error {
	a.note("no invite vouches for this request by %s", describeAsking(r))
	a.note("ask them, by a channel that you trust, for the fingerprint that secr join showed")
	said, err := a.term.Ask(ctx, term.Question{Text: "Their fingerprint", What: "the fingerprint of their device", Flag: "--fingerprint"})
	if err != nil {
		return err
	}
	return compareFingerprint(r, said)
}

// compareFingerprint holds a request against the fingerprint that was read for it.
func compareFingerprint(r team.Request, said string) error {
	if bareWords(said) != bareWords(r.Fingerprint()) {
		return exit.New(exit.Integrity, "this request is of another device: the fingerprints differ").
			WithHint("read them to each other once more; if they still differ, somebody asks in their place")
	}
	return nil
}

// bareWords is a fingerprint without what people put between its words.
func bareWords(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), notLetter), "")
}

func notLetter(r rune) bool { return r < 'a' || r > 'z' }
