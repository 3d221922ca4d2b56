package exit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/dotenv"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys/cloud"
	"github.com/secr/secr/keys/keyring"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
)

func TestTheTableKnowsEveryKindOfError(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code Code
	}{
		"plain":            {errors.New("x"), Failed},
		"usage":            {Usagef("x"), Usage},
		"no terminal":      {&term.NoTerminalError{What: "x", Flag: "--y"}, Usage},
		"interrupted":      {term.ErrInterrupted, Stopped},
		"cancelled":        {context.Canceled, Stopped},
		"no project":       {project.ErrNone, NotFound},
		"bad project":      {fmt.Errorf("%w: x", project.ErrInvalid), Integrity},
		"foreign":          {&local.FileError{Path: "x", Err: local.ErrForeign}, Integrity},
		"not linked":       {local.ErrNoLink, Denied},
		"no secret":        {fmt.Errorf("%w: x", vault.ErrNoSecret), NotFound},
		"denied":           {&vault.DeniedError{Handle: "x", Environment: "y"}, Denied},
		"no reason":        {vault.ErrNoReason, Denied},
		"a lying record":   {&vault.IntegrityError{Path: "x", What: "y", Err: record.ErrMalformed}, Integrity},
		"a typed label":    {fmt.Errorf("%w: a tag", record.ErrMalformed), Usage},
		"a bad change":     {&chain.Error{Class: chain.BadSignature}, Integrity},
		"denied elsewhere": {&chain.Error{Class: chain.Denied}, Integrity},
		"a newer format":   {&chain.Error{Class: chain.NewerFormat}, Failed},
		"a policy refused": {&policy.Error{Kind: policy.ErrIncomplete}, Denied},
		"no identity":      {identity.ErrNone, Identity},
		"locked keyring":   {&keyring.Error{Kind: keyring.KindOS, Err: keyring.ErrLocked}, Identity},
		"not a member":     {vault.ErrNotMember, Identity},
		"program missing":  {&child.StartError{Program: "x", Code: child.CodeNotFound}, Missing},
		"cannot start":     {&child.StartError{Program: "x", Code: child.CodeNotExecutable}, Cannot},
		"bad .env":         {dotenv.ErrSyntax, Usage},
		"moved":            {&vault.MovedError{}, Conflict},
		"locked":           {&local.LockedError{Path: "x"}, Failed},
		"chosen by a verb": {Wrap(New(Conflict, "x"), "y"), Conflict},
		"a verb's choice beats its cause's": {
			&Error{Code: Denied, What: "x", Err: project.ErrNone}, Denied,
		},
	} {
		if diff := cmp.Diff(c.code, Of(c.err).Code); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheNearestHintWins(t *testing.T) {
	for want, err := range map[string]error{
		"":                               errors.New("x"),
		"secr init":                      &Error{What: "x", Hint: "secr init", Err: project.ErrNone},
		"use --file":                     Wrap(&term.NoTerminalError{What: "x", Flag: "--file"}, "y"),
		"secr doctor says what is wrong": &local.FileError{Path: "x", Err: local.ErrDamaged},
		"secr ls --env staging":          &vault.NoSecretError{Environment: "staging", Name: "A"},
		"secr history A --env staging":   Wrap(&vault.NoSecretError{Environment: "staging", Name: "A", Version: 9}, "x"),
		`if it should be yours: sudo chown -R "$USER" /x`:                  &local.FileError{Path: "/x", Err: local.ErrForeign},
		`if it should be yours: sudo chown -R "$USER" '/a b/$(x)/it'\''s'`: &local.FileError{Path: "/a b/$(x)/it's", Err: local.ErrForeign},
		"work in a folder that is your own":                                &local.FileError{Path: "/x/secr.toml", Err: local.ErrForeign},
	} {
		if diff := cmp.Diff(want, Of(err).Hint); diff != "" {
			t.Error(diff)
		}
	}
}

// TestSeveralCloudKeysAreAList: of their answers the gravest counts, then the one that
// another try may help, and people see a line for each.
func TestSeveralCloudKeysAreAList(t *testing.T) {
	answer := func(class cloud.Class) error {
		return &cloud.Error{Key: cloud.Key{Provider: cloud.AWS, Name: string(class)}, Class: class, Message: "no"}
	}
	for _, c := range []struct {
		classes []cloud.Class
		code    Code
	}{
		{[]cloud.Class{cloud.Denied}, Denied},
		{[]cloud.Class{cloud.NoCredentials, cloud.Denied}, Denied},
		{[]cloud.Class{cloud.NoCredentials, cloud.Disabled}, Identity},
		{[]cloud.Class{cloud.Denied, cloud.Unreachable}, Offline},
		{[]cloud.Class{cloud.Denied, cloud.Unreachable, cloud.WrongContext}, Integrity},
		{[]cloud.Class{cloud.Disabled, cloud.NotFound}, Failed},
	} {
		var all []error
		var want []string
		for _, class := range c.classes {
			all, want = append(all, answer(class)), append(want, answer(class).Error())
		}
		r := Of(fmt.Errorf("production: %w", &vault.CloudError{Failed: all}))
		if r.Code != c.code {
			t.Errorf("%v: code %d, want %d", c.classes, r.Code, c.code)
		}
		if len(all) == 1 {
			want = nil
		}
		if diff := cmp.Diff(want, r.Lines); diff != "" {
			t.Errorf("%v: %s", c.classes, diff)
		}
		if want != nil && r.Head != fmt.Sprintf("production: none of %d cloud keys opened it", len(all)) {
			t.Errorf("headline %q", r.Head)
		}
	}
}

func TestAProgramsOwnStatusIsSilent(t *testing.T) {
	if diff := cmp.Diff(Report{Code: 3, Silent: true}, Of(Wrap(Status(3), "x"))); diff != "" {
		t.Error(diff)
	}
}

func TestCodesAreWhatScriptsRelyOn(t *testing.T) {
	got := []Code{Done, Failed, Usage, Denied, NotFound, Conflict, Integrity, Identity, Offline, Cannot, Missing, Stopped}
	if diff := cmp.Diff([]Code{0, 1, 2, 3, 4, 5, 6, 7, 8, 126, 127, 130}, got); diff != "" {
		t.Error(diff)
	}
}
