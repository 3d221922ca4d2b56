package batch

import "github.com/secr/secr/audit/receipt"

// Unpack is for the fuzz target.
func (d Draft) Unpack(padded []byte) ([]receipt.Entry, error) { return d.unpack(padded) }
