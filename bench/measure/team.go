package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var vaultLine = regexp.MustCompile(`(?m)^vault = "([a-z2-7]{26})"$`)

// token makes a token of a role, and returns it with the vault's id.
func (b *bench) token(v vault, role string) (token, id string, err error) {
	secr, _ := b.program("secr")
	cmd := exec.Command(secr, "token", "create", "crowd", "--role", role)
	cmd.Dir, cmd.Env = v.project, v.env
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("make a token: %w", err)
	}
	page, err := os.ReadFile(filepath.Join(v.project, "secr.toml"))
	if err != nil {
		return "", "", err
	}
	line := vaultLine.FindSubmatch(page)
	if line == nil {
		return "", "", fmt.Errorf("no vault in secr.toml")
	}
	return strings.TrimSpace(string(out)), string(line[1]), nil
}

// team is a vault with members, and requests of others beside it.
func (b *bench) team(name string, size, members, requests int) (vault, error) {
	v, err := b.fresh(name, size)
	if err != nil {
		return v, err
	}
	token, id, err := b.token(v, "admin")
	if err != nil {
		return v, err
	}
	crowd, _ := b.program("crowd")
	_, err = command{dir: v.home, env: append(v.env, "SECR_TOKEN="+token), argvs: [][]string{
		{crowd, "-vault", id, "-members", fmt.Sprint(members), "-requests", fmt.Sprint(requests), "-out", v.home},
	}}.once()
	return v, err
}

// admitting measures what one more member costs a large team and a small one, and
// reading in both.
func admitting(b *bench, t *table) error {
	times := 15
	if b.quick {
		times = 5
	}
	many := 10 * b.large() / 100 // 1,000, or 100 in the quick mode
	small, err := b.team("team-small", 100, 5, times)
	if err != nil {
		return err
	}
	large, err := b.team("team-large", 100, many, times)
	if err != nil {
		return err
	}
	for _, v := range []vault{small, large} {
		if _, err := b.secr(v, "import", v.plain).once(); err != nil {
			return err
		}
	}
	var added, read, got [2][]time.Duration
	for n := 1; n <= times; n++ {
		for i, v := range []vault{small, large} {
			words, err := os.ReadFile(filepath.Join(v.home, fmt.Sprint("fingerprint-", n)))
			if err != nil {
				return err
			}
			took, err := b.secr(v, "member", "add", fmt.Sprint("asking-", n), "--role", "developer", "--no-sync",
				"--request", filepath.Join(v.home, fmt.Sprintf("request-%d.json", n)), "--fingerprint", string(words)).once()
			if err != nil {
				return err
			}
			added[i] = append(added[i], took)
			if took, err = b.secr(v, "ls").once(); err != nil {
				return err
			}
			read[i] = append(read[i], took)
			if took, err = b.secr(v, "get", "VARIABLE_00007").once(); err != nil {
				return err
			}
			got[i] = append(got[i], took)
		}
	}
	t.ratio(fmt.Sprintf("`member add` in a team of %s", thousands(many)), "the same in a team of 5", median(added[1]), median(added[0]), 1.3)
	t.ratio(fmt.Sprintf("`get` in a team of %s", thousands(many)), "the same in a team of 5", median(got[1]), median(got[0]), 1.3)
	t.ratio(fmt.Sprintf("`ls`, which opens the vault, in a team of %s", thousands(many)), "the same in a team of 5", median(read[1]), median(read[0]), 1.3)
	return nil
}

// removing measures the end of a membership against plain git that writes as many blobs
// and one commit.
func removing(b *bench, t *table) error {
	const members, secrets = 50, 1_000
	times := 7
	if b.quick {
		times = 3
	}
	v, err := b.team("leaving", secrets/3, members, 0)
	if err != nil {
		return err
	}
	for _, env := range []string{"development", "staging", "production"} {
		if _, err := b.secr(v, "import", v.plain, "--env", env).once(); err != nil {
			return err
		}
	}
	tree := filepath.Join(b.dir, "leaving-tree")
	git := command{dir: tree, env: append(base(b.dir), "GIT_AUTHOR_NAME=b", "GIT_AUTHOR_EMAIL=b@example.com", "GIT_COMMITTER_NAME=b", "GIT_COMMITTER_EMAIL=b@example.com")}
	if err := os.MkdirAll(tree, 0o700); err != nil {
		return err
	}
	git.argvs = [][]string{{"git", "init", "-q"}, {"git", "config", "gc.auto", "0"}}
	if _, err := git.once(); err != nil {
		return err
	}
	git.argvs = [][]string{{"git", "add", "-A"}, {"git", "commit", "-q", "-m", "all of it again"}}
	var ours, theirs []time.Duration
	for n := 1; n <= times; n++ {
		took, err := b.secr(v, "offboard", fmt.Sprint("member-", n), "--yes", "--no-sync").once()
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if err := scatter(tree, secrets, n); err != nil {
			return err
		}
		if took, err = git.once(); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	t.ratio(fmt.Sprintf("`offboard` one of %d, %s secrets in three environments", members, thousands(secrets)),
		"`git add` and `git commit` of as many changed blobs", median(ours), median(theirs), 3)
	return nil
}

// scatter writes size files of the size of a record, in shards.
func scatter(tree string, size, round int) error {
	for i := range size {
		shard := filepath.Join(tree, fmt.Sprintf("%02x", i%256))
		if err := os.MkdirAll(shard, 0o700); err != nil {
			return err
		}
		text := fmt.Sprintf("%d %d %s\n", round, i, strings.Repeat("r", 400))
		if err := os.WriteFile(filepath.Join(shard, fmt.Sprint(i)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// rotating measures new keys for everything against SOPS, which seals a file of as many
// keys again. Without the sops program there is no row.
func rotating(b *bench, t *table) error {
	sops, built := b.program("sops")
	if !built {
		fmt.Fprintln(os.Stderr, "rotate-key: not compared, as there is no sops program")
		return nil
	}
	v, err := b.vault(b.large())
	if err != nil {
		return err
	}
	theirs, err := b.sopsFile(sops)
	if err != nil {
		return err
	}
	times := 5
	if b.quick {
		times = 3
	}
	took, err := medians(times, b.secr(v, "rotate-key", "--env", "development"), theirs)
	if err != nil {
		return err
	}
	t.ratio(fmt.Sprintf("`rotate-key`, %s secrets", thousands(b.large())),
		"`sops rotate -i` of a YAML file of as many keys", took[0], took[1], 0.6)
	return nil
}

// sopsFile makes a file that SOPS sealed with age to an SSH key, and the command that rotates it.
func (b *bench) sopsFile(sops string) (command, error) {
	dir := filepath.Join(b.dir, "sops")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return command{}, err
	}
	key := filepath.Join(dir, "key")
	if _, err := (command{dir: dir, env: base(dir), argvs: [][]string{{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}}}).once(); err != nil {
		return command{}, err
	}
	recipient, err := os.ReadFile(key + ".pub")
	if err != nil {
		return command{}, err
	}
	plain := strings.ReplaceAll(string(variables(b.large())), "=", ": ")
	if err := os.WriteFile(filepath.Join(dir, "secrets.yaml"), []byte(plain), 0o600); err != nil {
		return command{}, err
	}
	c := command{dir: dir, env: append(base(dir), "SOPS_AGE_SSH_PRIVATE_KEY_FILE="+key)}
	c.argvs = [][]string{{sops, "encrypt", "-i", "--age", strings.TrimSpace(string(recipient)), "secrets.yaml"}}
	if _, err := c.once(); err != nil {
		return command{}, err
	}
	c.argvs = [][]string{{sops, "rotate", "-i", "secrets.yaml"}}
	return c, nil
}
