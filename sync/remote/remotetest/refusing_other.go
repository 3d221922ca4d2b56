//go:build !unix

package remotetest

import "testing"

// Refusing skips the test.
func Refusing(t testing.TB) string {
	t.Helper()
	t.Skip("only where a socket can be bound and not listen")
	return ""
}
