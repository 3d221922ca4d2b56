package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	oskeyring "github.com/zalando/go-keyring"

	"github.com/secr/secr/keys"
)

// DefaultDeadline is how long an operation on the system's keyring may take,
// with all that it may ask the user.
const DefaultDeadline = 2 * time.Second

// OS keeps seeds in the keyring of the operating system: the Secret Service
// (GNOME, KDE, KeePassXC) on Linux and BSD, the Keychain on macOS, the Credential
// Manager on Windows. It starts no bus and no daemon of its own.
type OS struct {
	// Service tells seeds of several homes of one user apart. "secr" if empty.
	Service string
	// Getenv reads the process's environment, to find the session bus.
	Getenv func(string) string
	// Deadline bounds each operation; 0 for [DefaultDeadline].
	Deadline time.Duration

	// probe bounds the one question after a failure, 0 for 0.5 s; tests on a busy
	// machine wait longer.
	probe time.Duration
}

// Load implements [Store].
func (o OS) Load(ctx context.Context, profile string) (keys.Seed, error) {
	text, err := within(ctx, o, profile, func() (string, error) {
		return oskeyring.Get(o.service(), profile)
	}, nil)
	if err != nil {
		return keys.Seed{}, fail(KindOS, profile, err)
	}
	s, err := parseToken([]byte(text))
	return s, fail(KindOS, profile, err)
}

// Save implements [Store]. It reads back what it wrote.
func (o OS) Save(ctx context.Context, profile string, s keys.Seed) error {
	if s.IsZero() {
		return fail(KindOS, profile, errors.New("no seed to keep"))
	}
	token := string(keys.FormatToken(s).Reveal())
	wrote := false
	_, err := within(ctx, o, profile, func() (string, error) {
		if _, err := oskeyring.Get(o.service(), profile); err == nil {
			return "", ErrExists
		} else if !errors.Is(err, oskeyring.ErrNotFound) {
			return "", err
		}
		wrote = true
		if err := oskeyring.Set(o.service(), profile, token); err != nil {
			return "", err
		}
		again, err := oskeyring.Get(o.service(), profile)
		if err == nil && again != token {
			err = fmt.Errorf("%w: it returned something else than it was given", ErrUnavailable)
		}
		return "", err
	}, func() {
		// Nobody waits any more, and the seed is being kept elsewhere: a prompt
		// answered late must not leave a second copy.
		if wrote {
			_ = oskeyring.Delete(o.service(), profile)
		}
	})
	return fail(KindOS, profile, err)
}

// Delete implements [Store].
func (o OS) Delete(ctx context.Context, profile string) error {
	_, err := within(ctx, o, profile, func() (string, error) {
		return "", oskeyring.Delete(o.service(), profile)
	}, nil)
	return fail(KindOS, profile, err)
}

func (o OS) service() string {
	if o.Service == "" {
		return "secr"
	}
	return o.Service
}

type answer struct {
	text string
	err  error
}

// within runs one operation with an end. The library can't be interrupted, so an
// operation that is late goes on by itself; abandoned runs after it.
func within(ctx context.Context, o OS, profile string, do func() (string, error), abandoned func()) (string, error) {
	if err := errors.Join(checkProfile(profile), ctx.Err()); err != nil {
		return "", err
	}
	if err := o.reachable(); err != nil {
		return "", err
	}
	deadline := o.Deadline
	if deadline <= 0 {
		deadline = DefaultDeadline
	}
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	done := make(chan answer)    // unbuffered: an answer is taken or abandoned, never both
	given := make(chan struct{}) // closed when nobody waits
	go func() {
		a := safely(do)
		select {
		case done <- a:
		case <-given:
			if abandoned != nil {
				_ = safely(func() (string, error) { abandoned(); return "", nil })
			}
		}
	}()
	select {
	case a := <-done:
		return a.text, o.classify(a.err)
	case <-timer.C:
		close(given)
		return "", o.late(deadline)
	case <-ctx.Done():
		close(given)
		return "", context.Cause(ctx)
	}
}

// safely turns a panic of the library's (it trusts what comes over the bus) into
// an error.
func safely(do func() (string, error)) (a answer) {
	defer func() {
		if recover() != nil {
			a = answer{err: fmt.Errorf("%w: it answered with nonsense", ErrUnavailable)}
		}
	}()
	text, err := do()
	return answer{text: text, err: err}
}

// classify gives the library's errors this package's meanings.
func (o OS) classify(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrExists), errors.Is(err, ErrUnavailable):
		return err
	case errors.Is(err, oskeyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, oskeyring.ErrSetDataTooBig):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, oskeyring.ErrUnsupportedPlatform):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return o.classifyHere(err)
}
