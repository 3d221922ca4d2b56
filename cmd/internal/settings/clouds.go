package settings

import (
	"fmt"
	"strings"
	"time"
)

// Clouds is what the user says of cloud keys. Nothing of it can be set by a
// project or a policy.
type Clouds struct {
	// Allow lists what may be called: "aws:<account>", "gcp:<project>",
	// "azure:<vault host>". With an entry for a provider, nothing else of that
	// provider is called; without one, a new one is asked about.
	Allow []string
	// Connect and Timeout are the time to the first connection and of a whole
	// call; 0 is the default.
	Connect, Timeout time.Duration
	// Profile is the AWS profile, empty for the SDK's own choice.
	Profile string
	// Endpoints replace the providers' own, by provider: a private endpoint.
	Endpoints map[string]string
}

type cloudsTable struct {
	Allow     []string          `toml:"allow"`
	Connect   string            `toml:"connect"`
	Timeout   string            `toml:"timeout"`
	Profile   string            `toml:"profile"`
	Endpoints map[string]string `toml:"endpoints"`
}

func (t cloudsTable) check() (Clouds, error) {
	out := Clouds{Allow: t.Allow, Profile: t.Profile, Endpoints: t.Endpoints}
	for _, entry := range t.Allow {
		if !IsScope(entry) {
			return out, fmt.Errorf("%w: %q is none of aws:ACCOUNT, gcp:PROJECT, azure:VAULT-HOST", ErrInvalid, entry)
		}
	}
	for provider := range t.Endpoints {
		if !IsScope(provider + ":x") {
			return out, fmt.Errorf("%w: endpoints are for aws, gcp and azure", ErrInvalid)
		}
	}
	for text, to := range map[string]*time.Duration{t.Connect: &out.Connect, t.Timeout: &out.Timeout} {
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return out, fmt.Errorf(`%w: connect and timeout are durations such as "3s"`, ErrInvalid)
		}
		*to = d
	}
	return out, nil
}

// IsScope says whether text is an entry of Allow.
func IsScope(text string) bool {
	provider, scope, ok := strings.Cut(text, ":")
	return ok && scope != "" && (provider == "aws" || provider == "gcp" || provider == "azure")
}
