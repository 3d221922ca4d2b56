package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// past is a vault with a long past: so many changes and receipts, and a secret HISTORY
// with five versions among them.
type past struct {
	vault
	id   string
	path string // of HISTORY in the vault's tree
	repo string
}

// past makes one, and leaves it for who asks for the same again.
func (b *bench) past(changes, receipts int) (past, error) {
	for _, p := range b.pasts {
		if p.size == changes {
			return p, nil
		}
	}
	home := filepath.Join(b.dir, fmt.Sprint("past-", changes))
	p := past{vault: vault{size: changes, home: home, project: filepath.Join(home, "project")}}
	if err := os.MkdirAll(p.project, 0o700); err != nil {
		return p, err
	}
	p.env = append(base(home), "SECR_HOME="+filepath.Join(home, "secr"))
	maker, _ := b.program("past")
	cmd := exec.Command(maker, "-home", filepath.Join(home, "secr"), "-changes", fmt.Sprint(changes), "-receipts", fmt.Sprint(receipts))
	cmd.Env, cmd.Stderr = p.env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return p, fmt.Errorf("make a vault of %d changes: %w", changes, err)
	}
	words := strings.Fields(string(out))
	if len(words) != 3 {
		return p, fmt.Errorf("past said %q", out)
	}
	p.id, p.path = words[0], words[2]
	p.env = append(p.env, "SECR_TOKEN="+words[1])
	p.repo = filepath.Join(home, "secr", "data", p.id, "repo.git")
	b.pasts = append(b.pasts, p)
	return p, os.WriteFile(filepath.Join(p.project, "secr.toml"), fmt.Appendf(nil, "vault = %q\n", p.id), 0o600)
}
