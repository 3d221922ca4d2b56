package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/clouds"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/cloud"
	keywrap "github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

func (a *app) kmsVerb() *cli.Command {
	return verb{
		name: "kms", short: "Cloud keys: add, ls, test, rm, rewrap",
		long: `A cloud key at AWS KMS, Google Cloud KMS or Azure Key Vault opens a role without a
device: a CI job or a server with the right cloud role reads, and has no secret of
its own. It never writes.`,
		example: "secr kms add aws arn:aws:kms:eu-central-1:123456789012:key/1b2c... --role deploy",
		sub:     []*cli.Command{a.kmsAddVerb(), a.kmsLsVerb(), a.kmsTestVerb(), a.kmsRmVerb(), a.kmsRewrapVerb()},
	}.command()
}

func (a *app) kmsAddVerb() *cli.Command {
	return verb{
		name: "add", args: "aws|gcp|azure KEY", short: "Let a cloud key open a role",
		long: `KEY is the key's full name at its provider: an ARN (of a key or an alias), a resource
name, or a key identifier with its version. A test wrap goes to the cloud and back
before anything is written.`,
		example: "secr kms add gcp projects/shop-prod/locations/global/keyRings/secr/cryptoKeys/deploy --role deploy",
		flags:   []cli.Flag{&cli.StringFlag{Name: "role", Usage: "the `role` to open"}, noSyncFlag()}, least: 2, most: 2,
		run: func(c *cli.Context) error {
			return a.kmsAdd(c.Context, kmsAddOptions{
				provider: policy.Provider(c.Args().Get(0)), key: c.Args().Get(1), role: c.String("role"), noSync: c.Bool("no-sync"),
			})
		},
	}.command()
}

type kmsAddOptions struct {
	provider  policy.Provider
	key, role string
	noSync    bool
}

func (a *app) kmsAdd(ctx context.Context, o kmsAddOptions) error {
	if o.role == "" {
		return exit.Usagef("a cloud key opens a role").WithHint("--role deploy; secr role ls shows them")
	}
	if err := policy.CheckCloudName(o.provider, o.key); err != nil {
		return exit.Usagef("%s", err).WithHint("secr kms add --help")
	}
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
	if r, ok := s.vault.Policy().Role(o.role); !ok || r.Retired {
		return exit.New(exit.NotFound, "no role %q", o.role).WithHint("secr role ls")
	}
	entry := policy.CloudKey{ID: policy.CloudKeyID(o.provider, o.key, 0), Provider: o.provider, Key: o.key}
	// Whoever types a key's name has decided about its account.
	if err := rememberCloud(s.home, clouds.Scope(entry)); err != nil {
		return err
	}
	if err := a.roundTrip(ctx, a.clouds(s), s.project.Vault, entry); err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	return a.governIn(ctx, s, w, governing{
		subject: "let a cloud key open role " + o.role, edit: team.AddCloudKey(o.provider, o.key, o.role), noSync: o.noSync,
		done: o.role + " may be opened by " + o.key,
		check: func(r vault.Report) error {
			i := slices.IndexFunc(r.Waiting, func(w vault.Waiting) bool { return w.Key == o.key })
			if i < 0 {
				return nil
			}
			return &exit.Error{Code: exit.Failed, What: "the cloud key is entered and waits", Err: r.Waiting[i].Why, Hint: "secr kms rewrap"}
		},
	})
}

// roundTrip wraps a key of no worth and opens it again.
func (a *app) roundTrip(ctx context.Context, c *clouds.Clouds, vault string, key policy.CloudKey) error {
	x := keywrap.Context{Kind: keywrap.Role, Vault: vault, Name: "test", Epoch: 1}
	holder, err := c.Cloud(ctx, key, x)
	if err != nil {
		return err
	}
	test := keys.NewKey()
	file, err := keywrap.Wrap(holder.Recipient(), x, test)
	if err != nil {
		return err
	}
	back, err := holder.Unwrap(file, x)
	if errors.Is(err, keywrap.ErrTampered) || err == nil && !back.Equal(test) {
		return exit.New(exit.Integrity, "%s key %s: it answered with another plaintext than was wrapped", key.Provider, key.Key).
			WithHint("whoever runs that key is not to be trusted: leave it out")
	}
	return err
}

type kmsListJSON struct {
	Version int            `json:"version"`
	Keys    []cloudKeyJSON `json:"keys"`
}

type cloudKeyJSON struct {
	ID       string   `json:"id"`
	Provider string   `json:"provider"`
	Key      string   `json:"key"`
	Roles    []string `json:"roles"`
	Waiting  []string `json:"waiting"`
	Required []string `json:"required_by"`
	Retired  bool     `json:"retired"`
}

func (a *app) kmsLsVerb() *cli.Command {
	return verb{
		name: "ls", short: "List the cloud keys", long: "Shows which roles each opens, which environments require it, and what waits to be wrapped.",
		example: "secr kms ls --json", flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "retired ones too"}, jsonFlag()},
		run: func(c *cli.Context) error { return a.kmsLs(c.Context, c.Bool("all"), c.Bool("json")) },
	}.command()
}

func (a *app) kmsLs(ctx context.Context, all, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	p := s.vault.Policy()
	doc := kmsListJSON{Version: 1, Keys: []cloudKeyJSON{}}
	var rows [][]string
	for _, k := range p.CloudKeys() {
		if k.Retired && !all {
			continue
		}
		entry := cloudKeyJSON{
			ID: k.ID, Provider: string(k.Provider), Key: k.Key, Roles: append([]string{}, k.Roles...),
			Waiting: append([]string{}, k.Waiting...), Required: requiredBy(p, k.ID), Retired: k.Retired,
		}
		doc.Keys = append(doc.Keys, entry)
		rows = append(rows, []string{entry.Provider, entry.Key, strings.Join(entry.Roles, ", "), strings.Join(entry.Required, ", "), strings.Join(entry.Waiting, ", ")})
	}
	if asJSON {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"CLOUD", "KEY", "OPENS", "REQUIRED BY", "WAITING"}, rows)
}

func requiredBy(p *policy.Policy, id string) []string {
	out := []string{}
	for _, e := range p.Environments() {
		for _, required := range e.RequireKMS {
			if required == id && !e.Retired {
				out = append(out, e.Name)
			}
		}
	}
	return out
}

type kmsTestJSON struct {
	Version int            `json:"version"`
	Keys    []kmsTriedJSON `json:"keys"`
}

type kmsTriedJSON struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Key      string `json:"key"`
	Works    bool   `json:"works"`
	Class    string `json:"class"`   // of the failure, or empty
	Message  string `json:"message"` // the same
}

func (a *app) kmsTestVerb() *cli.Command {
	return verb{
		name: "test", args: "[KEY]", short: "Call each cloud key once",
		long:    "Wraps a key of no worth and opens it again, with each of the vault's cloud keys or the one named, and says what each answered.",
		example: "secr kms test", flags: []cli.Flag{jsonFlag()}, most: 1,
		run: func(c *cli.Context) error { return a.kmsTest(c.Context, c.Args().First(), c.Bool("json")) },
	}.command()
}

func (a *app) kmsTest(ctx context.Context, name string, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	var tried []policy.CloudKey
	for _, k := range s.vault.Policy().CloudKeys() {
		if !k.Retired && (name == "" || k.Key == name || k.ID == name) {
			tried = append(tried, k)
		}
	}
	if len(tried) == 0 && name != "" {
		return noCloudKey(name)
	}
	answers := a.tryAll(ctx, s, tried)
	if err := a.showTried(tried, answers, asJSON); err != nil {
		return err
	}
	failed := slices.DeleteFunc(answers, func(err error) bool { return err == nil })
	if len(failed) == 0 {
		return nil
	}
	r := exit.Of(&vault.CloudError{Failed: failed})
	if asJSON {
		return exit.Status(r.Code)
	}
	what := "the cloud key doesn't work from here"
	if len(tried) > 1 {
		what = fmt.Sprintf("%d of %d cloud keys don't work from here", len(failed), len(tried))
	}
	return &exit.Error{Code: r.Code, Hint: r.Hint, What: what}
}

// tryAll makes a round trip with each key, all at once.
func (a *app) tryAll(ctx context.Context, s *session, all []policy.CloudKey) []error {
	answers := make([]error, len(all))
	way := a.clouds(s)
	var wait sync.WaitGroup
	for i, k := range all {
		wait.Go(func() { answers[i] = a.roundTrip(ctx, way, s.project.Vault, k) })
	}
	wait.Wait()
	return answers
}

func (a *app) showTried(tried []policy.CloudKey, answers []error, asJSON bool) error {
	doc := kmsTestJSON{Version: 1, Keys: []kmsTriedJSON{}}
	var rows [][]string
	for i, k := range tried {
		x := kmsTriedJSON{ID: k.ID, Provider: string(k.Provider), Key: k.Key, Works: answers[i] == nil}
		answer := "works"
		if err := answers[i]; err != nil {
			answer, x.Class, x.Message = err.Error(), string(cloud.Failed), err.Error()
			if known, ok := errors.AsType[*cloud.Error](err); ok {
				answer, x.Class = known.Answer(), string(known.Class)
			}
		}
		doc.Keys, rows = append(doc.Keys, x), append(rows, []string{k.Key, answer})
	}
	if asJSON {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"KEY", "ANSWER"}, rows)
}

func (a *app) kmsRmVerb() *cli.Command {
	return verb{
		name: "rm", args: "KEY", short: "Take a cloud key out of a role, or of all",
		long: "A role that loses a holder gets a new key at once, and so does everything that it opens. No cloud is needed for that.",
		example: `secr kms rm arn:aws:kms:eu-central-1:123456789012:key/1b2c... --role deploy
secr kms rm arn:aws:kms:eu-central-1:123456789012:key/1b2c...`,
		flags: []cli.Flag{&cli.StringFlag{Name: "role", Usage: "only this `role`"}, noSyncFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error {
			return a.govern(c.Context, governing{
				subject: "take a cloud key out", edit: team.RemoveCloudKey(c.Args().First(), c.String("role")), noSync: c.Bool("no-sync"),
			})
		},
	}.command()
}

func (a *app) kmsRewrapVerb() *cli.Command {
	return verb{
		name: "rewrap", short: "Wrap again what waits for a cloud",
		long:    "When a role's key turned while a cloud could not be reached, its cloud key waits without access. This ends the wait, from a machine that reaches the cloud.",
		example: "secr kms rewrap",
		flags:   []cli.Flag{noSyncFlag()},
		run:     func(c *cli.Context) error { return a.kmsRewrap(c.Context, c.Bool("no-sync")) },
	}.command()
}

func (a *app) kmsRewrap(ctx context.Context, noSync bool) error {
	return a.govern(ctx, governing{
		subject: "wrap to cloud keys that waited", edit: team.RewrapCloudKeys(), noSync: noSync,
		check: func(r vault.Report) error {
			if len(r.Waiting) == 0 {
				return nil
			}
			if !r.Changed() {
				a.warnWaiting(r.Waiting)
			}
			failed := make([]error, len(r.Waiting))
			for i, w := range r.Waiting {
				failed[i] = w.Why
			}
			return exit.New(exit.Of(&vault.CloudError{Failed: failed}).Code, "%s still waiting", count(len(failed), "cloud key"))
		},
	})
}
