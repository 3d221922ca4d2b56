// Package record is the file of one secret in one environment: its current version,
// or its tombstone.
//
// A record is a few lines of clear text, an empty line, and two sealed parts, the
// label (name, kind, note, expiry, rotation, tags) and the value:
//
//	secr/1 secret
//	kind set
//	state live
//	epoch 1
//	version 2
//	seq 41
//	since 41
//	before 83baae61804e65cc73a7201a7252750c76066a30 5dde896887f6754c9b15bfe3a441ae4806df2fde94001311e08bf110622e0bbe
//	label 204
//	value 92
//
// Who has no key can check the header: [Header.Follows] holds it to the change that
// wrote it and to the record that was there. The sealed parts are bound to the whole
// header and to the place, so that a record can't be moved, put back or relabelled.
// The secret's name is nowhere in clear: the file is named by a keyed hash of it.
//
// The format is in docs/spec/record.md, complete to the byte.
package record
