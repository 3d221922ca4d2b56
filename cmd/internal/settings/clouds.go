package settings

import (
	"cmp"
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
	var err1, err2 error
	out.Connect, err1 = period(t.Connect)
	out.Timeout, err2 = period(t.Timeout)
	return out, cmp.Or(err1, err2)
}

// period is the time that a text says; 0 for none.
func period(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`%w: connect and timeout are durations such as "3s"`, ErrInvalid)
	}
	return d, nil
}

// IsScope says whether text is an entry of Allow.
func IsScope(text string) bool {
	provider, scope, ok := strings.Cut(text, ":")
	return ok && scope != "" && (provider == "aws" || provider == "gcp" || provider == "azure")
}
