package azurekv

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
)

// TestAConnectionThatDidNotComeIsNotTriedAgain: the limit is of the first one.
func TestAConnectionThatDidNotComeIsNotTriedAgain(t *testing.T) {
	if mayPass(nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}) {
		t.Error("a connection that didn't come in time is tried again")
	}
	if !mayPass(nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}) {
		t.Error("a connection that broke isn't tried once more")
	}
	for status, again := range map[int]bool{http.StatusOK: false, http.StatusForbidden: false, http.StatusTooManyRequests: true, http.StatusServiceUnavailable: true} {
		if mayPass(&http.Response{StatusCode: status}, nil) != again {
			t.Errorf("status %d: want it tried again: %v", status, again)
		}
	}
}
