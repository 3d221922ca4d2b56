// Package kmshelper is secr-kms without its main: the one place that links the
// clouds' SDKs.
package kmshelper

import (
	"context"
	"fmt"
	"io"

	"github.com/secr/secr/keys/awskms"
	"github.com/secr/secr/keys/azurekv"
	"github.com/secr/secr/keys/cloud"
	"github.com/secr/secr/keys/gcpkms"
)

// Run answers one request. It returns the exit code: 0 if there is an answer,
// whatever it says, else 1 with the reason on stderr.
func Run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, version string) int {
	if err := cloud.Serve(ctx, stdin, stdout, version, open); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// open makes the client of a key at its provider.
func open(ctx context.Context, o cloud.Options) (cloud.Client, error) {
	switch o.Key.Provider {
	case cloud.AWS:
		return awskms.Open(ctx, o)
	case cloud.GCP:
		return gcpkms.Open(ctx, o)
	case cloud.Azure:
		return azurekv.Open(ctx, o)
	}
	return nil, &cloud.Error{Key: o.Key, Class: cloud.Failed, Message: "unknown provider"}
}
