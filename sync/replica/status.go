package replica

import (
	"encoding/hex"
	"fmt"

	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
)

// Status is where a vault and a remote stand, as far as this machine knows without asking.
type Status struct {
	Head    chain.Head
	Known   bool       // the remote was seen before
	Pin     local.Head // what was seen there last
	Fetched int64      // when, Unix seconds
	Ahead   uint64     // local changes that are not known to be there
	Behind  uint64     // changes there that are not here; with Ahead, both moved
	Aside   []SetAside
}

// Status asks nobody.
func (r *Replica) Status() (Status, error) {
	here := r.vault.State()
	s := Status{Head: here.Head(), Ahead: here.Head().Seq}
	var err error
	if s.Aside, err = ListAside(r.vault); err != nil {
		return s, err
	}
	pin, seen, err := r.pinned()
	if err != nil || !seen {
		return s, err
	}
	s.Known, s.Pin, s.Fetched = true, pin.Head, pin.Fetched
	common := pin.Head.Seq
	if here.CheckDescends(point(pin.Head)) != nil {
		common = 0
		if shared := r.shared(); shared != nil {
			common = shared.Head().Seq
		}
	}
	s.Ahead, s.Behind = here.Head().Seq-common, pin.Head.Seq-common
	return s, nil
}

func parseOp(text string) (change.Op, error) {
	var o change.Op
	if n, err := hex.Decode(o[:], []byte(text)); err != nil || n != len(o) {
		return o, fmt.Errorf("%q is not the op of a change", text)
	}
	return o, nil
}
