//go:build smoke

package kmshelper

import (
	"os"
	"testing"

	"github.com/secr/secr/keys/cloud"
)

// TestRealClouds wraps and unwraps at the real clouds, with this machine's own
// credentials, for each key that the environment names: SECR_SMOKE_AWS_KEY,
// SECR_SMOKE_GCP_KEY, SECR_SMOKE_AZURE_KEY. Run with: go test -tags smoke.
func TestRealClouds(t *testing.T) {
	for provider, name := range map[cloud.Provider]string{
		cloud.AWS: os.Getenv("SECR_SMOKE_AWS_KEY"), cloud.GCP: os.Getenv("SECR_SMOKE_GCP_KEY"), cloud.Azure: os.Getenv("SECR_SMOKE_AZURE_KEY"),
	} {
		if name == "" {
			continue
		}
		t.Run(string(provider), func(t *testing.T) {
			r := &rig{key: cloud.Key{Provider: provider, Name: name}}
			r.helper = helper(t, provider, "", append(os.Environ(), "SECR_TEST_KMS_HELPER=1"))
			r.helper.Endpoints = nil
			wrapped := r.wrap(t, about("smoke", 1), []byte("0123456789abcdef"))
			got, err := r.do(t, cloud.Unwrap, r.key, about("smoke", 1), wrapped)
			if err != nil || string(got) != "0123456789abcdef" {
				t.Fatalf("got %q, %v", got, err)
			}
			if _, err := r.do(t, cloud.Unwrap, r.key, about("smoke", 2), wrapped); err == nil || err.Class != cloud.WrongContext {
				t.Errorf("another epoch: %v, want class %s", err, cloud.WrongContext)
			}
		})
	}
}
