// Package clouds is the way from a vault to cloud keys: it finds the helper
// executable, holds each key against what the user allows, and turns a call into
// a wrap's two functions. Nothing is started before a cloud key is needed.
package clouds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/secr/secr/cmd/internal/settings"
	"github.com/secr/secr/keys/cloud"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// Clouds implements what a vault needs of clouds, for several keys at once.
type Clouds struct {
	// Executable is this process's own, absolute and with its links resolved: the
	// helper lies beside it.
	Executable string
	// Version is secr's own, which the helper must have.
	Version string
	// Environ is the environment for the SDKs, which look for credentials there.
	Environ []string
	// Settings are the user's, Allowed what he allowed elsewhere (by a variable, by
	// an answer that was remembered); they are read at each call.
	Settings settings.Clouds
	Allowed  func() []string
	// Ask asks a person whether a new account, project or vault host may be called;
	// and remembers a yes; nil where there is nobody to ask.
	Ask func(ctx context.Context, scope string, key policy.CloudKey) (bool, error)

	asking sync.Mutex // one question at a time, and none that was just answered
	mu     sync.Mutex
	silent map[cloud.Key]*cloud.Error // keys that gave this process no answer in time
}

// ForbiddenError says that this user's settings don't let a key be called.
type ForbiddenError struct {
	Key   policy.CloudKey
	Scope string
	// Unknown is true when nobody decided about the scope yet.
	Unknown bool
}

// Error says what to allow.
func (e *ForbiddenError) Error() string {
	if e.Unknown {
		return fmt.Sprintf("nobody on this machine has allowed calls to %s yet, which %s needs", e.Scope, e.Key.Key)
	}
	return fmt.Sprintf("this machine's settings don't allow calls to %s, which %s needs", e.Scope, e.Key.Key)
}

// Scope is what is allowed as a whole: an AWS account, a GCP project, an Azure
// vault host.
func Scope(key policy.CloudKey) string {
	scope := ""
	switch key.Provider {
	case policy.AWS: // arn:aws:kms:region:account:key/id
		if parts := strings.SplitN(key.Key, ":", 6); len(parts) == 6 {
			scope = parts[4]
		}
	case policy.GCP: // projects/p/locations/...
		if parts := strings.SplitN(key.Key, "/", 3); len(parts) == 3 {
			scope = parts[1]
		}
	case policy.Azure: // https://host/keys/name/version
		scope, _, _ = strings.Cut(strings.TrimPrefix(key.Key, "https://"), "/")
	}
	return string(key.Provider) + ":" + scope
}

// Cloud implements vault.Clouds. It asks about a new scope before anything is
// called; the calls themselves are bound to ctx.
func (c *Clouds) Cloud(ctx context.Context, key policy.CloudKey, x wrap.Context) (wrap.Cloud, error) {
	call := func(op cloud.Op, data []byte) ([]byte, error) {
		return c.Call(ctx, key, op, cloud.Context{Vault: x.Vault, Kind: string(x.Kind), Name: x.Name, Epoch: x.Epoch}, data)
	}
	return wrap.Cloud{
		Provider: string(key.Provider), ID: key.ID,
		Encrypt: func(fileKey []byte) ([]byte, error) { return call(cloud.Wrap, fileKey) },
		Decrypt: func(sealed []byte) ([]byte, error) { return call(cloud.Unwrap, sealed) },
	}, nil
}

// Call makes one call with a key, if this machine allows it.
func (c *Clouds) Call(ctx context.Context, key policy.CloudKey, op cloud.Op, x cloud.Context, data []byte) ([]byte, error) {
	if err := c.allow(ctx, key, op); err != nil {
		return nil, err
	}
	return c.call(ctx, cloud.Call{Op: op, Key: cloud.Key{Provider: cloud.Provider(key.Provider), Name: key.Key}, Context: x, Data: data})
}

// allow decides whether a key may be called. A token for Azure's key vaults is
// good for all of them, so a host that nobody decided about is never sent one; to
// decrypt with a new AWS account or GCP project gives nothing away, to wrap does.
func (c *Clouds) allow(ctx context.Context, key policy.CloudKey, op cloud.Op) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	scope := Scope(key)
	forbidden := &ForbiddenError{Key: key, Scope: scope}
	if slices.Contains(c.Settings.Allow, scope) {
		return nil
	}
	prefix := string(key.Provider) + ":"
	if slices.ContainsFunc(c.Settings.Allow, func(s string) bool { return strings.HasPrefix(s, prefix) }) {
		return forbidden
	}
	if slices.Contains(c.Allowed(), scope) {
		return nil
	}
	if c.Ask != nil {
		yes, err := c.Ask(ctx, scope, key)
		if err != nil {
			return unanswered{err}
		}
		if yes {
			return nil
		}
		return forbidden
	}
	if op == cloud.Unwrap && key.Provider != policy.Azure {
		return nil
	}
	forbidden.Unknown = true
	return forbidden
}

// unanswered is a question that nobody answered: what needed the answer ends, instead of
// going on as after a no.
type unanswered struct{ error }

// Is makes it context.Canceled, as package vault wants it.
func (unanswered) Is(target error) bool { return target == context.Canceled }

// Unwrap gives the cause.
func (u unanswered) Unwrap() error { return u.error }

// call has the helper make one call. A key that gave no answer in time isn't asked again:
// a command waits for each cloud once at most.
func (c *Clouds) call(ctx context.Context, one cloud.Call) ([]byte, error) {
	c.mu.Lock()
	silent := c.silent[one.Key]
	c.mu.Unlock()
	if silent != nil {
		return nil, silent
	}
	data, err := c.start(ctx, one)
	if failed, ok := errors.AsType[*cloud.Error](err); ok && failed.Class == cloud.Unreachable {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.silent == nil {
			c.silent = map[cloud.Key]*cloud.Error{}
		}
		c.silent[one.Key] = failed
	}
	return data, err
}

// start has the helper make one call.
func (c *Clouds) start(ctx context.Context, one cloud.Call) ([]byte, error) {
	path, err := cloud.Locate(c.Executable)
	if err != nil {
		return nil, err
	}
	limits := cloud.DefaultLimits()
	if c.Settings.Connect > 0 {
		limits.Connect = c.Settings.Connect
	}
	if c.Settings.Timeout > 0 {
		limits.Total = c.Settings.Timeout
	}
	endpoints := map[cloud.Provider]string{}
	for provider, url := range c.Settings.Endpoints {
		endpoints[cloud.Provider(provider)] = url
	}
	helper := cloud.Helper{
		Path: path, Version: c.Version, Limits: limits, Endpoints: endpoints,
		Profile: c.Settings.Profile, Environ: c.Environ,
	}
	results, err := helper.Do(ctx, []cloud.Call{one})
	if err != nil {
		return nil, err
	}
	if failed := results[0].Error; failed != nil {
		return nil, failed
	}
	return results[0].Data, nil
}
