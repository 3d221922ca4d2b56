package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

const (
	deployKey = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	otherKey  = "projects/example-project/locations/global/keyRings/secr/cryptoKeys/k"
)

// memoryCloud is a cloud in memory: it really encrypts, binds the context, and
// refuses whoever has no access.
type memoryCloud struct {
	mu      sync.Mutex
	keys    map[string]keys.Key // by the policy's name of the key
	refused map[string]bool
	refusal error // the cause of the refusals
	calls   []string
}

func newMemoryCloud() *memoryCloud {
	return &memoryCloud{keys: map[string]keys.Key{deployKey: keys.NewKey(), otherKey: keys.NewKey()}, refused: map[string]bool{}, refusal: errors.New("no")}
}

func (m *memoryCloud) Cloud(_ context.Context, k policy.CloudKey, c wrap.Context) (wrap.Cloud, error) {
	ad := fmt.Appendf(nil, "%s %s %s %d", c.Kind, c.Vault, c.Name, c.Epoch)
	call := func(op string) (keys.Key, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.calls = append(m.calls, op+" "+c.Name)
		if m.refused[k.Key] {
			return keys.Key{}, fmt.Errorf("access denied to %s: %w", k.Key, m.refusal)
		}
		return m.keys[k.Key], nil
	}
	return wrap.Cloud{
		Provider: string(k.Provider), ID: k.ID,
		Encrypt: func(fileKey []byte) ([]byte, error) {
			key, err := call("wrap")
			if err != nil {
				return nil, err
			}
			return keys.Seal(key, ad, fileKey), nil
		},
		Decrypt: func(sealed []byte) ([]byte, error) {
			key, err := call("unwrap")
			if err != nil {
				return nil, err
			}
			return keys.Open(key, ad, sealed)
		},
	}, nil
}

// taken returns the calls since the last time.
func (m *memoryCloud) taken() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = nil
	return calls
}

// withClouds opens the machine's vault again, with clouds.
func withClouds(t testing.TB, m vaulttest.Machine, id string, clouds vault.Clouds) *vault.Vault {
	t.Helper()
	o := m.Options(id)
	o.Clouds = clouds
	v, err := vault.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// job opens the vault that v is as a process without any identity.
func job(t testing.TB, v *vault.Vault, clouds vault.Clouds) *vault.Vault {
	t.Helper()
	m := vaulttest.NewMachine(t)
	m.Pull(t, v).Close()
	o := m.Options(v.ID())
	o.Seed, o.Clouds = nil, clouds
	out, err := vault.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return out
}

// deploying is a vault whose production a role opens that a cloud key holds.
func deploying(t testing.TB, clouds *memoryCloud) (vaulttest.Machine, *vault.Vault) {
	t.Helper()
	ana := vaulttest.NewMachine(t)
	v := withClouds(t, ana, ana.Init(t).ID(), clouds)
	vaulttest.Set(t, v, "production", "A", "prod", "B", "more")
	vaulttest.Edit(t, v, team.PutRole(team.Role{Name: "deploy", Grants: map[string]policy.Level{"production": policy.Read}}))
	vaulttest.Edit(t, v, team.AddCloudKey(policy.AWS, deployKey, "deploy"))
	return ana, v
}

func TestAJobWithoutIdentityReadsByItsCloudKeyInOneCall(t *testing.T) {
	clouds := newMemoryCloud()
	_, v := deploying(t, clouds)
	clouds.taken()
	ci := job(t, v, clouds)
	if diff := cmp.Diff(map[string]string{"A": "prod", "B": "more"}, vaulttest.Values(t, ci, "production")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"unwrap deploy"}, clouds.taken()); diff != "" {
		t.Error(diff)
	}
	if _, err := vaulttest.TryValues(t.Context(), ci, "staging"); err == nil {
		t.Error("the job reads staging, which its role is not granted")
	}
	d := ci.Draft()
	d.Set("production", "A", vaulttest.Secret("x"), vault.Meta{})
	if _, err := d.Commit(t.Context(), "a change"); !errors.Is(err, vault.ErrNoIdentity) {
		t.Errorf("the job wrote: %v", err)
	}
}

func TestADeviceIsTriedBeforeAnyCloud(t *testing.T) {
	clouds := newMemoryCloud()
	ana, v := deploying(t, clouds)
	clouds.taken()
	again := withClouds(t, ana, v.ID(), clouds)
	vaulttest.Values(t, again, "production")
	vaulttest.Values(t, again, "development")
	if calls := clouds.taken(); len(calls) != 0 {
		t.Errorf("the cloud was called: %v", calls)
	}
}

func TestWhenNoCloudKeyOpensEachIsNamedWithItsReason(t *testing.T) {
	clouds := newMemoryCloud()
	_, v := deploying(t, clouds)
	vaulttest.Edit(t, v, team.AddCloudKey(policy.GCP, otherKey, "deploy"))
	ci := job(t, v, clouds)
	clouds.refused[deployKey], clouds.refused[otherKey] = true, true
	_, err := vaulttest.TryValues(t.Context(), ci, "production")
	if !errors.Is(err, vault.ErrCloud) || !strings.Contains(err.Error(), deployKey) || !strings.Contains(err.Error(), otherKey) {
		t.Errorf("got %v, want both keys named", err)
	}
	clouds.refused[otherKey] = false
	if diff := cmp.Diff(map[string]string{"A": "prod", "B": "more"}, vaulttest.Values(t, ci, "production")); diff != "" {
		t.Error(diff)
	}
}

func TestARemovedCloudKeyOpensNothingNew(t *testing.T) {
	clouds := newMemoryCloud()
	_, v := deploying(t, clouds)
	before := epochs(v.Policy())
	vaulttest.Edit(t, v, team.RemoveCloudKey(deployKey, "deploy"))
	after := epochs(v.Policy())
	for _, key := range []string{"role deploy", "environment production"} {
		if after[key] != before[key]+1 {
			t.Errorf("%s is at %d, was at %d: it must have turned", key, after[key], before[key])
		}
	}
	if _, err := vaulttest.TryValues(t.Context(), job(t, v, clouds), "production"); err == nil {
		t.Error("the job still reads")
	}
}

func TestWithoutCloudAccessAMemberIsRemovedAndTheCloudKeyWaits(t *testing.T) {
	clouds := newMemoryCloud()
	_, v := deploying(t, clouds)
	ben := vaulttest.NewMachine(t)
	vaulttest.Admit(t, v, ben, "ben", "deploy")
	clouds.refused[deployKey] = true
	report := vaulttest.Edit(t, v, team.Remove("ben"))
	if len(report.Waiting) != 1 {
		t.Fatalf("waiting: %v", report.Waiting)
	}
	if _, err := vaulttest.TryValues(t.Context(), job(t, v, clouds), "production"); err == nil {
		t.Error("a job reads by a cloud key that waits")
	}
	clouds.refused[deployKey] = false
	vaulttest.Edit(t, v, team.RewrapCloudKeys())
	if diff := cmp.Diff(map[string]string{"A": "prod", "B": "more"}, vaulttest.Values(t, job(t, v, clouds), "production")); diff != "" {
		t.Error(diff)
	}
}

// TestAQuestionThatNobodyAnsweredRemovesNobody: Ctrl-C at a cloud's question is no cloud
// that can't be reached.
func TestAQuestionThatNobodyAnsweredRemovesNobody(t *testing.T) {
	clouds := newMemoryCloud()
	_, v := deploying(t, clouds)
	ben := vaulttest.NewMachine(t)
	vaulttest.Admit(t, v, ben, "ben", "deploy")
	clouds.refused[deployKey], clouds.refusal = true, context.Canceled
	before := v.Head()
	d := v.Draft()
	d.EditPolicy(team.Remove("ben"))
	if _, err := d.Commit(t.Context(), "remove ben"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if v.Head() != before {
		t.Error("a change was made")
	}
}

func TestARequiredCloudKeyIsASecondLock(t *testing.T) {
	clouds := newMemoryCloud()
	ana, v := deploying(t, clouds)
	before := epochs(v.Policy())["environment production"]
	id := v.Policy().CloudKeys()[0].ID
	vaulttest.Edit(t, v, team.SetEnvironment("production", team.Settings{RequireKMS: &[]string{id}}))
	if got := epochs(v.Policy())["environment production"]; got != before+1 {
		t.Errorf("switching it on must turn the key: epoch %d, was %d", got, before)
	}
	clouds.taken()
	again := withClouds(t, ana, v.ID(), clouds)
	if diff := cmp.Diff(map[string]string{"A": "prod", "B": "more"}, vaulttest.Values(t, again, "production")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"unwrap production"}, clouds.taken()); diff != "" {
		t.Error(diff)
	}
	if list, err := again.List(t.Context(), "production"); err != nil || len(list) != 2 {
		t.Errorf("names need no cloud: %v, %v", list, err)
	}
	clouds.refused[deployKey] = true
	locked := withClouds(t, ana, v.ID(), clouds)
	if _, err := vaulttest.TryValues(t.Context(), locked, "production"); !errors.Is(err, vault.ErrCloud) {
		t.Errorf("without the cloud: %v, want ErrCloud", err)
	}
	clouds.taken()
	if _, err := locked.List(t.Context(), "production"); err != nil {
		t.Error(err)
	}
	if calls := clouds.taken(); len(calls) != 0 {
		t.Errorf("listing names called the cloud: %v", calls)
	}
}

func TestAnEnvironmentThatCannotTurnIsDueAndFrozen(t *testing.T) {
	clouds := newMemoryCloud()
	_, v := deploying(t, clouds)
	id := v.Policy().CloudKeys()[0].ID
	vaulttest.Edit(t, v, team.SetEnvironment("production", team.Settings{RequireKMS: &[]string{id}}))
	ben := vaulttest.NewMachine(t)
	vaulttest.Admit(t, v, ben, "ben", "deploy")
	clouds.refused[deployKey] = true
	report := vaulttest.Edit(t, v, team.Remove("ben"))
	if diff := cmp.Diff([]string{"production"}, report.Due); diff != "" {
		t.Fatal(diff)
	}
	clouds.refused[deployKey] = false
	d := v.Draft()
	d.Set("production", "A", vaulttest.Secret("new"), vault.Meta{})
	if _, err := d.Commit(t.Context(), "a change"); err == nil {
		t.Error("a secret of an environment that is due was changed")
	}
	d = v.Draft()
	d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "production"})
	vaulttest.Commit(t, d)
	if e, _ := v.Policy().Environment("production"); e.Due {
		t.Error("still due after it turned")
	}
	vaulttest.Set(t, v, "production", "A", "new")
	if diff := cmp.Diff(map[string]string{"A": "new", "B": "more"}, vaulttest.Values(t, v, "production")); diff != "" {
		t.Error(diff)
	}
}
