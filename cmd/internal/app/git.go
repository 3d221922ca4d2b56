package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

func (a *app) gitVerb() *cli.Command {
	return verb{
		name: "git", args: "COMMAND...", short: "Look at the vault with git",
		long: `Runs the git that is installed on the vault's bare repository, with a file of the
keys that its members sign with, so that --show-signature says who signed. Only
commands that read are allowed: secr makes the changes.`,
		example: "secr git log --show-signature\nsecr git show HEAD\nsecr git fsck --strict",
		least:   1, most: -1,
		run: func(c *cli.Context) error { return a.git(c.Context, gitOptions{args: c.Args().Slice()}) },
	}.command()
}

type gitOptions struct{ args []string }

// readers are git's commands that change no ref and no object.
func readers() []string {
	return []string{
		"blame", "cat-file", "cherry", "count-objects", "describe", "diff", "diff-tree", "for-each-ref", "fsck", "grep", "log", "ls-tree",
		"merge-base", "name-rev", "rev-list", "rev-parse", "shortlog", "show", "show-ref", "verify-commit", "version", "whatchanged",
	}
}

func (a *app) git(ctx context.Context, o gitOptions) error {
	if !slices.Contains(readers(), o.args[0]) {
		return exit.Usagef("secr git %s is not allowed: it may change the vault behind secr's back", o.args[0]).
			WithHint("allowed are %s", strings.Join(readers(), ", "))
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	signers, err := writeSigners(s.vault)
	if err != nil {
		return err
	}
	attributes := filepath.Join(s.vault.Local().Cache(), "attributes")
	if err := local.WriteFile(attributes, []byte("secrets/** diff=secr\n")); err != nil {
		return err
	}
	s.vault.Close()
	args := []string{
		"git", "--git-dir=" + s.vault.Local().Repository(), "-c", "core.hooksPath=" + os.DevNull, "-c", "gc.auto=0", "-c", "maintenance.auto=false",
		"-c", "core.attributesFile=" + attributes, "-c", "diff.secr.textconv=" + shellQuote(executable()) + " textconv", "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile=" + signers,
	}
	inherited := slices.DeleteFunc(a.sys.Environ(), foreignGit)
	env, err := child.Compose(child.Sources{Inherited: inherited, KeepOwn: true})
	if err != nil {
		return err
	}
	code, err := child.Run(ctx, child.Plan{Args: append(args, o.args...), Environment: env})
	var missing *child.StartError
	if errors.As(err, &missing) && missing.Code == child.CodeNotFound {
		return exit.New(exit.Missing, "git is not installed").WithHint("secr log needs none")
	}
	if err != nil {
		return err
	}
	return exit.Status(code)
}

// foreignGit tells the variables by which a hook, or somebody else's settings,
// would point git at another repository.
func foreignGit(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	switch name {
	case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
		"GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE", "GIT_CEILING_DIRECTORIES":
		return true
	}
	return strings.HasPrefix(name, "GIT_CONFIG")
}

// writeSigners makes the file of every key that ever signed here, from the
// verified state. Retired devices stay in it: what they signed then was theirs.
func writeSigners(v *vault.Vault) (string, error) {
	var b strings.Builder
	for _, m := range v.Policy().Members() {
		for _, d := range m.Devices {
			b.WriteString(sign.AllowedSigner(d.ID+"@"+v.ID(), d.Sign))
			if !strings.HasSuffix(b.String(), "\n") {
				b.WriteByte('\n')
			}
		}
	}
	path := filepath.Join(v.Local().Cache(), "allowed-signers")
	if err := local.MakeFolder(v.Local().Cache()); err != nil {
		return "", err
	}
	return path, local.WriteFile(path, []byte(b.String()))
}

// shellQuote makes one word of a path: git runs a textconv by a shell.
func shellQuote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
