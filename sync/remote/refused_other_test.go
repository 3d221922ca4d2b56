//go:build !unix

package remote_test

import "testing"

func refusing(t *testing.T) string {
	t.Helper()
	t.Skip("only where a socket can be bound and not listen")
	return ""
}
