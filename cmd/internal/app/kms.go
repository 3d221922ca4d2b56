package app

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/clouds"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys"
	keywrap "github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
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
		flags:   []cli.Flag{&cli.StringFlag{Name: "role", Usage: "the `role` to open"}}, least: 2, most: 2,
		run: func(c *cli.Context) error {
			return a.kmsAdd(c.Context, policy.Provider(c.Args().Get(0)), c.Args().Get(1), c.String("role"))
		},
	}.command()
}

func (a *app) kmsAdd(ctx context.Context, provider policy.Provider, key, role string) error {
	if role == "" {
		return exit.Usagef("a cloud key opens a role").WithHint("--role deploy; secr role ls shows them")
	}
	if err := policy.CheckCloudName(provider, key); err != nil {
		return exit.Usagef("%s", err).WithHint("secr kms add --help")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	if r, ok := s.vault.Policy().Role(role); !ok || r.Retired {
		return exit.New(exit.NotFound, "no role %q", role).WithHint("secr role ls")
	}
	entry := policy.CloudKey{ID: policy.CloudKeyID(provider, key, 0), Provider: provider, Key: key}
	// Whoever types a key's name has decided about its account.
	if err := rememberCloud(s.home, clouds.Scope(entry)); err != nil {
		return err
	}
	if err := a.roundTrip(ctx, a.clouds(s), s.project.Vault, entry); err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	d := s.vault.Draft()
	d.EditPolicy(team.AddCloudKey(provider, key, role))
	if _, err := d.Commit(ctx, "let a cloud key open role "+role); err != nil {
		return err
	}
	if waiting := d.Report().Waiting; len(waiting) > 0 {
		return exit.New(exit.Failed, "the cloud key is entered and waits: the role's key could not be wrapped to it").WithHint("secr kms rewrap")
	}
	a.note("%s may be opened by %s", role, key)
	return nil
}

// roundTrip wraps a key of no worth and opens it again.
func (a *app) roundTrip(ctx context.Context, c *clouds.Clouds, vault string, key policy.CloudKey) error {
	x := keywrap.Context{Kind: keywrap.Role, Vault: vault, Name: "test", Epoch: 1}
	cloud, err := c.Cloud(ctx, key, x)
	if err != nil {
		return err
	}
	test := keys.NewKey()
	file, err := keywrap.Wrap(cloud.Recipient(), x, test)
	if err != nil {
		return err
	}
	back, err := cloud.Unwrap(file, x)
	if err != nil {
		return err
	}
	if !bytes.Equal(back.Reveal(), test.Reveal()) {
		return exit.New(exit.Integrity, "%s answered with another key's plaintext", key.Key)
	}
	return nil
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

func (a *app) kmsTestVerb() *cli.Command {
	return verb{
		name: "test", args: "[KEY]", short: "Call each cloud key once",
		long:    "Wraps a key of no worth and opens it again, with each of the vault's cloud keys or the one named, and says what each answered.",
		example: "secr kms test", most: 1,
		run: func(c *cli.Context) error { return a.kmsTest(c.Context, c.Args().First()) },
	}.command()
}

func (a *app) kmsTest(ctx context.Context, name string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	var rows [][]string
	var failed error
	for _, k := range s.vault.Policy().CloudKeys() {
		if k.Retired || name != "" && k.Key != name && k.ID != name {
			continue
		}
		answer := "works"
		if err := a.roundTrip(ctx, a.clouds(s), s.project.Vault, k); err != nil {
			answer, failed = err.Error(), err
		}
		rows = append(rows, []string{k.Key, answer})
	}
	if len(rows) == 0 && name != "" {
		return noCloudKey(name)
	}
	if err := a.term.Out.Table([]string{"KEY", "ANSWER"}, rows); err != nil {
		return err
	}
	return failed
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
		run: func(c *cli.Context) error {
			return a.changePolicy(c.Context, "wrap to cloud keys that waited", team.RewrapCloudKeys())
		},
	}.command()
}
