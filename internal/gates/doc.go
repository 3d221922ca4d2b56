// Package gates holds the project's architecture as data and its house rules as
// tests: which package stands on which floor, who owns which dependency, how long
// a file or a function may be, what only cmd may touch, and that the documentation
// still describes the code. It has no code of its own; run it with
//
//	go test ./internal/gates
package gates
