package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/secr/secr/keys"
)

// Place is a store and what kind it is.
type Place struct {
	Kind  Kind
	Store Store
}

// Places are stores in order of preference.
type Places []Place

// Skipped is a place that did not work, and why.
type Skipped struct {
	Kind Kind
	Err  error
}

// Report says where a seed was kept and which better places did not work.
type Report struct {
	Used    Kind
	Skipped []Skipped
}

// Of returns the place of a kind.
func (p Places) Of(kind Kind) (Place, error) {
	for _, place := range p {
		if place.Kind == kind {
			return place, nil
		}
	}
	return Place{}, fmt.Errorf("keyring: %s: %w", kind.words(), ErrUnavailable)
}

// Save keeps a new seed in the first place that works. A place that is not
// there, is locked or takes no seed is skipped; any other error ends it, so that
// a profile that exists, or an interrupted question, doesn't end in a second copy.
func (p Places) Save(ctx context.Context, profile string, s keys.Seed) (Report, error) {
	var r Report
	for _, place := range p {
		err := place.Store.Save(ctx, profile, s)
		switch {
		case err == nil:
			r.Used = place.Kind
			return r, nil
		case ctx.Err() != nil:
			return r, err
		case errors.Is(err, ErrUnavailable), errors.Is(err, ErrLocked), errors.Is(err, ErrReadOnly), errors.Is(err, ErrTooLarge):
			r.Skipped = append(r.Skipped, Skipped{Kind: place.Kind, Err: err})
		default:
			return r, err
		}
	}
	return r, fmt.Errorf("keyring: no place for identity %q: %w", profile, errors.Join(r.errs()...))
}

func (r Report) errs() []error {
	errs := []error{ErrUnavailable}
	for _, s := range r.Skipped {
		errs = append(errs, s.Err)
	}
	return errs
}

// Move takes a seed from one place to another: it is kept there, read back and
// compared, then recorded calls it moved, and only then the old one is deleted. Interrupted
// anywhere, the seed is in at least one place, and Move again ends the job.
func Move(ctx context.Context, profile string, from, to Place, recorded func(Kind) error) error {
	if from.Kind == to.Kind {
		return fmt.Errorf("keyring: identity %q is in %s already", profile, to.Kind.words())
	}
	if from.Kind == KindToken {
		return fail(from.Kind, profile, ErrReadOnly)
	}
	s, err := from.Store.Load(ctx, profile)
	if err != nil {
		return err
	}
	if err := to.Store.Save(ctx, profile, s); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	there, err := to.Store.Load(ctx, profile)
	if err != nil {
		return err
	}
	if !there.Equal(s) {
		return fail(to.Kind, profile, fmt.Errorf("%w, and it is another one", ErrExists))
	}
	if err := recorded(to.Kind); err != nil {
		return err
	}
	return from.Store.Delete(ctx, profile)
}
