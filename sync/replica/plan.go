package replica

import (
	"context"
	"fmt"

	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
)

// UndecidedError says that local changes can't be published before somebody decides.
// Nothing was published and nothing changed.
type UndecidedError struct {
	Plan   replay.Plan
	Theirs *chain.State // to show what the others have, through [vault.Vault.Beside]
}

func (e *UndecidedError) Error() string {
	conflicts, stops := len(e.Plan.With(replay.Conflict)), len(e.Plan.With(replay.Stop))
	return fmt.Sprintf("local changes in conflict with others': %d, waiting for a decision: %d", conflicts, stops)
}

// plan decides what becomes of the local changes after the common one.
func (r *Replica) plan(ctx context.Context, theirs *chain.State, common uint64) (replay.Plan, error) {
	base, err := r.stateAt(ctx, theirs, common)
	if err != nil {
		return replay.Plan{}, err
	}
	who, err := r.vault.Identity(ctx)
	if err != nil {
		return replay.Plan{}, err
	}
	changes, err := r.localChanges(ctx, base)
	if err != nil {
		return replay.Plan{}, err
	}
	same, err := r.compare(ctx, theirs, changes)
	if err != nil {
		return replay.Plan{}, err
	}
	return replay.Make(replay.Input{
		Base: base.Policy(), Theirs: theirs, Changes: changes, Device: who.Device.ID, Now: r.o.Clock().Unix(),
		Same: same, Decision: r.o.Decide,
	}), nil
}

func (r *Replica) localChanges(ctx context.Context, base *chain.State) ([]replay.Change, error) {
	var out []replay.Change
	err := r.vault.Since(ctx, base, func(m vault.Made) error {
		ops, err := change.Operations(m.Before, m.Touched)
		if err != nil {
			return err
		}
		out = append(out, replay.Change{
			Op: m.Change.Op, ID: m.ID, Seq: m.Change.Seq, Device: m.Change.Author.Device,
			Subject: m.Change.Subject, Operations: ops, Policy: m.Before.Policy(),
		})
		return nil
	})
	return out, err
}

// compare opens the secrets that both sides changed.
func (r *Replica) compare(ctx context.Context, theirs *chain.State, changes []replay.Change) (map[replay.Secret]bool, error) {
	same := map[replay.Secret]bool{}
	beside := r.vault.Beside(theirs)
	for _, s := range replay.Compare(theirs, changes) {
		equal, err := r.vault.SameContent(ctx, beside, s.Environment, s.ID)
		if err != nil {
			return nil, err
		}
		same[s] = equal
	}
	return same, nil
}

// redo turns what is to be applied into work for the vault.
func redo(plan replay.Plan) []vault.Redo {
	var out []vault.Redo
	for _, s := range plan.With(replay.Apply) {
		r := vault.Redo{Op: s.Change.Op, Subject: s.Change.Subject, Operations: s.Change.Operations, Rotate: replay.Rotations(s.Change.Operations)}
		if replay.Governs(s.Change.Operations) {
			r.Edit = replay.Edit(s.Change.Operations)
		}
		for _, x := range s.Restore {
			r.Restore = append(r.Restore, vault.SecretRef(x))
		}
		out = append(out, r)
	}
	return out
}
