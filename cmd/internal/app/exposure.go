package app

import (
	"context"
	"strconv"

	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

// exposedJSON is a value that somebody could open who shall not any more, or
// will not after what is planned.
type exposedJSON struct {
	Environment   string `json:"environment"`
	Name          string `json:"name"` // empty where this identity may not list
	ID            string `json:"id"`
	SecretVersion uint64 `json:"secret_version"`
	Since         uint64 `json:"since"` // change that set the value
	Until         uint64 `json:"until"` // last change at which they could open it
	Again         bool   `json:"again"` // it was changed since, and is that value once more
	Updated       string `json:"updated"`
	Changeable    bool   `json:"changeable"` // false in a retired environment
}

func describeExposed(list []team.Exposure) []exposedJSON {
	out := []exposedJSON{}
	for _, e := range list {
		out = append(out, exposedJSON{
			Environment: e.Environment, Name: e.Label.Name, ID: e.ID, SecretVersion: e.Version, Since: e.Since, Until: e.Until, Again: e.Again,
			Updated: stamp(e.Time), Changeable: !e.Retired,
		})
	}
	return out
}

// printExposed shows the list on a stream.
func (a *app) printExposed(out term.Stream, list []team.Exposure) error {
	var rows [][]string
	for _, e := range list {
		name := e.Label.Name
		if name == "" {
			name = "(secret " + e.ID[:8] + ")"
		}
		hint := "secr set " + name + " --env " + e.Environment
		switch {
		case e.Retired:
			hint = "change it where it comes from: the environment is retired"
		case e.Label.Name == "":
			hint = "somebody who may write " + e.Environment
		case e.Again:
			hint += " (the value that they know is back)"
		}
		rows = append(rows, []string{e.Environment, name, strconv.FormatUint(e.Version, 10), hint})
	}
	return out.Table([]string{"ENVIRONMENT", "NAME", "VERSION", "AFTER CHANGING IT AT ITS ORIGIN"}, rows)
}

// nagging is what a vault's state says about the team, for secr status and audit.
type nagging struct {
	exposed  []team.Exposure // values that people who left could have seen
	managing team.Managing
}

// nag finds out what there is to nag about. It needs no key.
func nag(ctx context.Context, v *vault.Vault) (nagging, error) {
	exposed, err := team.Outstanding(ctx, v)
	return nagging{exposed: exposed, managing: team.CountManaging(v.Policy())}, err
}

// words says it, in a line each, until there is nothing left to do.
func (n nagging) words() []string {
	var out []string
	if len(n.exposed) > 0 {
		out = append(out, count(len(n.exposed), "value")+" could have been seen by somebody who has no access any more, not changed since: secr status --exposed")
	}
	if !n.managing.Safe() {
		out = append(out, "one device alone can manage this vault, and nobody can if it is lost: secr recovery create, or a second manager")
	}
	return out
}
