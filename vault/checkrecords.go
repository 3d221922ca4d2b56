package vault

import (
	"context"
	"errors"
	"sync"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/record"
)

// Checks is what [Vault.CheckRecords] looked at.
type Checks struct {
	Records int  // of all versions
	Labels  int  // that were opened, and whose names give their ids
	Values  int  // that were opened
	Reseals int  // that hold what was there before the rotation
	Cloud   bool // values were left out because a cloud was not reached
}

// CheckRecords opens every version of every secret of an environment, as far as this
// identity's keys go: names must give the ids, values must open, and what a rotation
// sealed again must be what was there before. It remembers nothing and believes no
// note of an earlier check. report is told of each [*IntegrityError] and returns
// false to stop. It needs list; without read it sees the current epoch's labels.
func (v *Vault) CheckRecords(ctx context.Context, environment string, report func(error) bool) (Checks, error) {
	if err := v.may(ctx, environment, policy.List); err != nil {
		return Checks{}, err
	}
	idKey, err := v.idKey(ctx, environment)
	if err != nil {
		return Checks{}, err
	}
	c := &recordCheck{v: v, environment: environment, idKey: idKey, report: report}
	c.values = v.may(ctx, environment, policy.Read) == nil
	env, _ := v.state.Policy().Environment(environment)
	if c.values {
		_, err := v.environmentKey(ctx, environment, env.Epoch)
		if c.sum.Cloud = errors.Is(err, ErrCloud); c.sum.Cloud {
			c.values = false
		} else if err != nil {
			return Checks{}, err
		}
	}
	c.epoch = env.Epoch
	var ids []string
	for id := range v.state.Secrets(environment) {
		ids = append(ids, id)
	}
	err = parallel(len(ids), func(i int) error { return c.secret(ctx, ids[i]) })
	return c.sum, err
}

// recordCheck is a check under way. Several goroutines work on it.
type recordCheck struct {
	v           *Vault
	environment string
	epoch       uint64 // the current one
	idKey       keys.Key
	values      bool // this identity reads

	mu      sync.Mutex // of what follows
	report  func(error) bool
	stopped bool
	sum     Checks
}

// tell adds to the sum and reports an error that is about a record. It says whether
// to go on.
func (c *recordCheck) tell(add Checks, err error) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.Records += add.Records
	c.sum.Labels += add.Labels
	c.sum.Values += add.Values
	c.sum.Reseals += add.Reseals
	var integrity *IntegrityError
	if errors.As(err, &integrity) {
		c.stopped = c.stopped || !c.report(err)
		err = nil
	}
	return !c.stopped, err
}

// secret checks all versions of one secret, the newest first.
func (c *recordCheck) secret(ctx context.Context, id string) error {
	if more, _ := c.tell(Checks{}, nil); !more {
		return ctx.Err()
	}
	var newer *both // what a rotation made of the record that comes next
	var by record.Header
	err := c.v.walk(ctx, c.environment, id, func(r record.Record) (bool, error) {
		add := Checks{Records: 1}
		if !c.values && r.Header.Epoch < c.epoch {
			return c.tell(add, nil)
		}
		now, err := c.open(ctx, id, r, &add)
		if err == nil && newer != nil && c.values {
			add.Reseals++
			if !sameLabel(now.label, newer.label) || now.label.Name != newer.label.Name || !now.value.Equal(newer.value) {
				err = c.v.lie(secretPath(c.environment, id), by.Seq, "a rotation changed the secret instead of sealing it again", nil)
			}
		}
		if newer != nil {
			newer.value.Wipe()
		}
		newer, by = nil, r.Header
		if err == nil && r.Header.Kind == record.Reseal {
			newer = &now
		} else {
			now.value.Wipe()
		}
		return c.tell(add, err)
	})
	if newer != nil {
		newer.value.Wipe()
	}
	_, err = c.tell(Checks{}, err)
	return err
}

// open opens what this identity may of one record.
func (c *recordCheck) open(ctx context.Context, id string, r record.Record, add *Checks) (both, error) {
	var b both
	var err error
	if c.values {
		b, err = c.v.openBoth(ctx, c.environment, id, r)
	} else {
		var names keys.Key
		if names, err = c.v.namesKey(ctx, c.environment, r.Header.Epoch); err == nil {
			if b.label, err = r.OpenLabel(names, c.v.where(c.environment, id)); err != nil {
				err = c.v.lie(secretPath(c.environment, id), r.Header.Seq, "its label does not open", err)
			}
		}
	}
	if err != nil {
		return b, err
	}
	add.Labels++
	if keys.SecretID(c.idKey, b.label.Name) != id {
		return b, c.v.lie(secretPath(c.environment, id), r.Header.Seq, "its name is not the one that its id stands for", nil)
	}
	if c.values && r.Header.State == record.Live {
		add.Values++
	}
	return b, nil
}
