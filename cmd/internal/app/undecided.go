package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
)

// question is something to decide, in words.
type question struct {
	asked replay.Question
	words []string
}

// questions puts what a plan asks into words: of a conflict both versions, masked.
func (a *app) questions(ctx context.Context, s *session, u *replica.UndecidedError, key keys.Key) []question {
	theirs := s.vault.Beside(u.Theirs)
	var out []question
	seen := map[replay.Question]bool{}
	add := func(q replay.Question, words ...string) {
		if !seen[q] {
			seen[q] = true
			out = append(out, question{q, words})
		}
	}
	for _, step := range u.Plan.Steps {
		for _, q := range step.Questions() {
			switch {
			case q.Readers != "":
				add(q, fmt.Sprintf("%s: %s can read it now and could not when you wrote", q.Readers, q.Names))
			case q.Policy:
				add(q, fmt.Sprintf("%q: %s", step.Change.Subject, step.Reason))
			default:
				add(q, a.clash(ctx, s.vault, theirs, q.Secret, key)...)
			}
		}
		if step.Verdict == replay.Stop && step.Reason == replay.Due {
			a.note("%s: %s: secr rotate-key --due", step.Where, step.Reason)
		}
	}
	return out
}

// clash shows the two versions of a secret that both sides changed.
func (a *app) clash(ctx context.Context, ours, theirs *vault.Vault, secret replay.Secret, key keys.Key) []string {
	name, left := a.versionOf(ctx, ours, secret, key)
	_, right := a.versionOf(ctx, theirs, secret, key)
	if name == "" {
		name = secret.ID
	}
	return []string{secret.Environment + "/" + name, "  here:   " + left, "  theirs: " + right}
}

// versionOf is a secret's name and its current version in words.
func (a *app) versionOf(ctx context.Context, v *vault.Vault, secret replay.Secret, key keys.Key) (name, words string) {
	entries, err := v.Names(ctx, secret.Environment, []string{secret.ID})
	if err != nil || len(entries) != 1 {
		return "", "a version that can't be shown"
	}
	e := entries[0]
	if e.Deleted {
		return e.Label.Name, fmt.Sprintf("deleted by %s, %s", e.By, a.ago(e.Time))
	}
	marks, err := v.Marks(ctx, secret.Environment, key)
	if err != nil {
		marks = nil // who may only write knows no more than who and when
	}
	return e.Label.Name, strings.TrimSpace(fmt.Sprintf("%s by %s, %s", masked(marks[e.Label.Name]), e.By, a.ago(e.Time)))
}

func (a *app) showUndecided(ctx context.Context, s *session, u *replica.UndecidedError, key keys.Key) {
	for _, q := range a.questions(ctx, s, u, key) {
		for _, line := range q.words {
			a.note("%s", line)
		}
	}
}

// askAll asks about each.
func (a *app) askAll(ctx context.Context, s *session, u *replica.UndecidedError, key keys.Key) (map[replay.Question]replay.Decision, error) {
	answers := map[replay.Question]replay.Decision{}
	for _, q := range a.questions(ctx, s, u, key) {
		options := []string{"what was made here", "what the others have", "decide later"}
		if q.asked.Readers != "" {
			options = []string{"share it with them too", "set it aside", "decide later"}
		}
		at, err := a.term.Choose(ctx, term.Question{Text: strings.Join(q.words, "\n"), What: "a decision", Flag: "--ours or --theirs"}, options)
		if err != nil {
			return nil, err
		}
		switch at {
		case 0:
			answers[q.asked] = replay.Ours
		case 1:
			answers[q.asked] = replay.TheirsWin
		default:
			return nil, exit.New(exit.Conflict, "nothing was published").WithHint("secr sync --ask")
		}
	}
	return answers, nil
}

// asideJSON is a local change that can't be published.
type asideJSON struct {
	Op      string `json:"op"`
	Number  uint64 `json:"number"`
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
	Time    string `json:"time"`
}

func describeAside(list []replica.SetAside) []asideJSON {
	out := []asideJSON{}
	for _, x := range list {
		out = append(out, asideJSON{Op: x.Op, Number: x.Seq, Subject: x.Subject, Reason: string(x.Reason), Time: stamp(x.Time)})
	}
	return out
}
