package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// verifying measures opening a vault from its first change on, against stock git's check
// of the signatures alone, sampled; and one change more, of a short chain and a long one.
func verifying(b *bench, t *table) error {
	const sample = 50
	v, err := b.fresh("chain", 1_000)
	if err != nil {
		return err
	}
	if _, err := b.secr(v, "import", v.plain).once(); err != nil {
		return err
	}
	const short = 100
	long := b.large()
	more, err := b.lengthen(v, short, long)
	if err != nil {
		return err
	}
	var cold, warm, git []time.Duration
	for range 7 {
		if err := os.RemoveAll(filepath.Join(v.home, "secr", "cache")); err != nil {
			return err
		}
		for _, into := range []*[]time.Duration{&cold, &warm} {
			took, err := b.secr(v, "ls").once()
			if err != nil {
				return err
			}
			*into = append(*into, took)
		}
		took, err := b.secr(v, "git", "log", "--format=%G?", "-n", fmt.Sprint(sample)).once()
		if err != nil {
			return err
		}
		git = append(git, took)
	}
	ours := float64(median(cold)-median(warm)) / float64(long)
	t.times(fmt.Sprintf("verify %s changes by every rule", thousands(long)), "`git log --show-signature`, signatures alone (sampled)",
		float64(median(git))/sample/ours, 50)
	t.ratio(fmt.Sprintf("verify one more change, after %s", thousands(long)), fmt.Sprintf("the same after %d", short), more[1], more[0], 1.3)
	return nil
}

// lengthen makes a vault's chain as long as each of lengths, and returns what verifying
// one more change took there.
func (b *bench) lengthen(v vault, lengths ...int) ([]time.Duration, error) {
	token, id, err := b.token(v, "developer")
	if err != nil {
		return nil, err
	}
	return b.lengthenAs(v.as(token), id, lengths...)
}

// lengthenAs is lengthen where the vault's environment has a token.
func (b *bench) lengthenAs(v vault, id string, lengths ...int) ([]time.Duration, error) {
	chain, _ := b.program("chain")
	arguments := []string{"-vault", id, "-secrets", fmt.Sprint(v.size), "-lengths"}
	var list []string
	for _, n := range lengths {
		list = append(list, strconv.Itoa(n))
	}
	cmd := exec.Command(chain, append(arguments, strings.Join(list, ","))...)
	cmd.Dir, cmd.Env, cmd.Stderr = v.home, v.env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for line := range strings.FieldsSeq(string(out)) {
		n, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Duration(n))
	}
	if len(took) != len(lengths) {
		return nil, fmt.Errorf("chain said %q", out)
	}
	return took, nil
}
