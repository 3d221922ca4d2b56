package awskms

import (
	"errors"
	"net"
	"os"
	"testing"
)

// TestAConnectionThatDidNotComeIsNotTriedAgain: the limit is of the first one.
func TestAConnectionThatDidNotComeIsNotTriedAgain(t *testing.T) {
	late := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	r := retryer()
	if r.IsErrorRetryable(late) {
		t.Error("a connection that didn't come in time is tried again")
	}
	if !r.IsErrorRetryable(reset) || r.MaxAttempts() != 2 {
		t.Errorf("a connection that broke isn't tried once more: %d attempts", r.MaxAttempts())
	}
}
