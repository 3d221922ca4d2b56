package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/vault/team"
)

// waitingJSON is somebody who asks to join, as the request says.
type waitingJSON struct {
	Handle string `json:"handle"` // a wish
	Name   string `json:"name"`
	Email  string `json:"email"`
	Device string `json:"device"` // the device's name
	ID     string `json:"id"`     // of the device
	Invite string `json:"invite"` // the open invite that it claims to answer, or empty
	Member bool   `json:"member"` // the handle is a member's: it asks for another device
}

// words says who waits for what.
func (w waitingJSON) words() string {
	verb := "member"
	if w.Member {
		verb = "device"
	}
	return fmt.Sprintf("%s asks to join, from the device %s: secr %s add %s", w.Handle, w.Device, verb, w.Handle)
}

// describeWaiting lists requests. That one answers an invite is not proved before it
// is admitted; one whose invite is closed is shown as one without.
func describeWaiting(s *session, f joining.Found) []waitingJSON {
	out := []waitingJSON{}
	for _, x := range f.Asked {
		w := waitingJSON{Handle: x.Request.Handle, Name: x.Request.Name, Email: x.Request.Email, Device: x.Request.Device, ID: x.ID}
		if i, ok := s.vault.Policy().Invite(x.Request.Invite); ok {
			w.Invite, w.Handle = i.ID, i.Handle
		}
		m, known := s.vault.Policy().MemberByHandle(w.Handle)
		w.Member = known && m.Active()
		out = append(out, w)
	}
	return out
}

// sayWaiting names who waits, in a line each.
func (a *app) sayWaiting(s *session, f joining.Found) {
	for _, w := range describeWaiting(s, f) {
		a.note("%s", w.words())
	}
	if len(f.Rubbish) > 0 {
		a.note("branches under secr/join/ at the remote that hold no request: %d; git push --delete takes them out", len(f.Rubbish))
	}
	if f.Left > 0 {
		a.warn("%d more branches under secr/join/ were not looked at", f.Left)
	}
}

// waitingAs finds the request of that name at the remote. One that proves that it
// answers the invite for the name wins over all that only say so.
func (a *app) waitingAs(ctx context.Context, s *session, w way, o admitOptions) (candidate, error) {
	if w.none() {
		return candidate{}, exit.New(exit.NotFound, "there is no remote where requests would be").WithHint("--request reads what secr join printed")
	}
	found, err := joining.Look(ctx, a.board(w), s.vault)
	if err != nil {
		return candidate{}, err
	}
	var proved, said []candidate
	var refused error
	for _, x := range found.Asked {
		c := candidate{request: x.Request, asked: x}
		if c.match, err = team.Check(ctx, s.vault, x.Request, a.sys.Now().Unix()); err != nil {
			if c.claims(s) == o.handle {
				refused = err
			}
			continue
		}
		switch {
		case o.handle != "" && c.handle() != o.handle && !c.begins(o.handle):
		case c.match.Proved:
			proved = append(proved, c)
		default:
			said = append(said, c)
		}
	}
	return a.choose(o, proved, said, refused)
}

// claims is the handle of the invite that a request names, or its own wish.
func (c candidate) claims(s *session) string {
	if i, ok := s.vault.Policy().Invite(c.request.Invite); ok {
		return i.Handle
	}
	return c.request.Handle
}

// begins says whether a word is the beginning of the asking device's id, where two
// wish for the same name.
func (c candidate) begins(word string) bool {
	return len(word) >= 6 && strings.HasPrefix(c.asked.ID, word)
}

// choose takes the one request that can be meant.
func (a *app) choose(o admitOptions, proved, said []candidate, refused error) (candidate, error) {
	list := proved
	if len(list) == 0 {
		list = said
	}
	if o.fingerprint != "" {
		list = nil
		for _, c := range append(proved, said...) {
			if bareWords(c.request.Fingerprint()) == bareWords(o.fingerprint) {
				list = append(list, c)
			}
		}
	}
	switch {
	case len(list) == 1:
		return list[0], nil
	case len(list) == 0 && refused != nil:
		return candidate{}, exit.Wrap(refused, "the request of %s", o.handle)
	case len(list) == 0 && o.fingerprint != "":
		return candidate{}, exit.New(exit.Integrity, "no request is of the device with that fingerprint").
			WithHint("read the words to each other once more; secr sync shows who asks")
	case len(list) == 0:
		return candidate{}, exit.New(exit.NotFound, "nobody asks to join as %s", o.handle).
			WithHint("secr sync shows who asks; --request reads what secr join printed")
	case len(proved) > 1:
		return candidate{}, exit.New(exit.Integrity, "%d devices answer the invite of %s: somebody else has the line too", len(proved), list[0].handle()).
			WithHint("secr invite rm %s, and invite again by another channel", list[0].handle())
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, fmt.Sprintf("%s (%s, device %s)", c.asked.ID[:8], c.request.Handle, c.request.Device))
	}
	return candidate{}, exit.Usagef("which of %s is meant?", lists(ids)).WithHint("secr member add %s --role ...", list[0].asked.ID[:8])
}

// answered takes the branch of a request that was answered out of the remote. Where
// the host forbids it, it stays and does no harm.
func (a *app) answered(ctx context.Context, s *session, w way, c candidate) error {
	if c.asked.ID == "" || w.none() {
		return nil
	}
	if err := joining.Take(ctx, a.board(w), s.vault, c.asked); err != nil {
		a.note("the request's branch stays at the remote: %v", err)
	}
	return nil
}

func (a *app) memberRefuseVerb() *cli.Command {
	return verb{
		name: "refuse", args: "NAME", short: "Take a request to join out of the remote",
		long:    "NAME is the handle that it wishes for, or the beginning of its device's id.",
		example: "secr member refuse ben", least: 1, most: 1,
		run: func(c *cli.Context) error { return a.memberRefuse(c.Context, c.Args().First()) },
	}.command()
}

func (a *app) memberRefuse(ctx context.Context, name string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	if w.none() {
		return exit.New(exit.NotFound, "there is no remote where requests would be")
	}
	found, err := joining.Look(ctx, a.board(w), s.vault)
	if err != nil {
		return err
	}
	taken := 0
	for _, x := range found.Asked {
		if c := (candidate{request: x.Request, asked: x}); c.claims(s) != name && x.Request.Handle != name && !c.begins(name) {
			continue
		}
		if err := joining.Take(ctx, a.board(w), s.vault, x); err != nil {
			return err
		}
		taken++
	}
	if taken == 0 {
		return exit.New(exit.NotFound, "nobody asks to join as %s", name)
	}
	a.note("%s taken out", count(taken, "request"))
	return nil
}
