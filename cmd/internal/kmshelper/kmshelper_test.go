package kmshelper

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secr/secr/keys/awskms/awskmstest"
	"github.com/secr/secr/keys/azurekv/azurekvtest"
	"github.com/secr/secr/keys/cloud"
	"github.com/secr/secr/keys/cloud/cloudtest"
	"github.com/secr/secr/keys/gcpkms/gcpkmstest"
)

const version = "test"

// TestMain makes the test binary the helper when it is started as one: the SDKs
// read their environment once a process.
func TestMain(m *testing.M) {
	if os.Getenv("SECR_TEST_KMS_HELPER") != "" {
		os.Exit(Run(context.Background(), os.Stdin, os.Stdout, os.Stderr, version))
	}
	os.Exit(m.Run())
}

// rig is one provider's emulator with two keys, and a helper that is logged in.
type rig struct {
	cloud        *cloudtest.Cloud
	key, other   cloud.Key
	names        [2]string // of the keys as the emulator calls them
	who          string
	helper       cloud.Helper
	throttle     cloudtest.Fault
	unavailable  cloudtest.Fault
	malformed    cloudtest.Fault
	noPrincipal  []string // an environment without credentials
	disabledWrap bool     // the provider wraps with a disabled key
}

func rigs(t *testing.T) map[string]func(*testing.T) *rig {
	t.Helper()
	return map[string]func(*testing.T) *rig{"aws": awsRig, "gcp": gcpRig, "azure": azureRig}
}

// environ is an environment in which no SDK finds anything of this machine.
func environ(t *testing.T, more ...string) []string {
	t.Helper()
	home := t.TempDir()
	return append([]string{
		"SECR_TEST_KMS_HELPER=1", "HOME=" + home, "PATH=/nonexistent",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"GCE_METADATA_HOST=127.0.0.1:1", "NO_GCE_CHECK=true",
	}, more...)
}

func helper(t *testing.T, provider cloud.Provider, endpoint string, env []string) cloud.Helper {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	limits := cloud.Limits{Connect: 30 * time.Second, Total: 60 * time.Second}
	return cloud.Helper{Path: self, Version: version, Limits: limits, Endpoints: map[cloud.Provider]string{provider: endpoint}, Environ: env}
}

func awsRig(t *testing.T) *rig {
	s := awskmstest.Start(map[string]string{"AKIATEST": "a secret key", "AKIAOTHER": "another"})
	t.Cleanup(s.Close)
	r := &rig{cloud: &s.Cloud, who: "AKIATEST"}
	r.names = [2]string{"arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555", "arn:aws:kms:eu-central-1:123456789012:key/66666666-2222-3333-4444-555555555555"}
	r.key, r.other = cloud.Key{Provider: cloud.AWS, Name: r.names[0]}, cloud.Key{Provider: cloud.AWS, Name: r.names[1]}
	r.helper = helper(t, cloud.AWS, s.URL(), environ(t, "AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=a secret key"))
	r.noPrincipal = environ(t)
	r.throttle = cloudtest.Fault{Status: http.StatusBadRequest, Code: "ThrottlingException", Headers: map[string]string{"Retry-After": "1"}}
	r.unavailable = cloudtest.Fault{Status: http.StatusInternalServerError, Code: "KMSInternalException"}
	r.malformed = cloudtest.Fault{Status: http.StatusOK, Body: `{"CiphertextBlob": 7`}
	return r
}

func gcpRig(t *testing.T) *rig {
	certificate, caFile := certificate(t)
	s, err := gcpkmstest.Start(certificate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r := &rig{cloud: &s.Cloud, who: "deploy@example.iam.gserviceaccount.com"}
	r.names = [2]string{"projects/p/locations/global/keyRings/r/cryptoKeys/k", "projects/p/locations/global/keyRings/r/cryptoKeys/other"}
	r.key, r.other = cloud.Key{Provider: cloud.GCP, Name: r.names[0]}, cloud.Key{Provider: cloud.GCP, Name: r.names[1]}
	account := serviceAccount(t, r.who)
	r.helper = helper(t, cloud.GCP, s.Endpoint(), environ(t, "GOOGLE_APPLICATION_CREDENTIALS="+account, "SSL_CERT_FILE="+caFile))
	r.noPrincipal = environ(t, "SSL_CERT_FILE="+caFile)
	r.throttle = cloudtest.Fault{Status: 8, Code: "quota"}
	r.unavailable = cloudtest.Fault{Status: 14, Code: "unavailable"}
	r.malformed = cloudtest.Fault{Status: 13, Code: "internal"}
	return r
}

func azureRig(t *testing.T) *rig {
	certificate, caFile := certificate(t)
	s, err := azurekvtest.Start(certificate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r := &rig{cloud: &s.Cloud, who: "11111111-aaaa-bbbb-cccc-000000000000", disabledWrap: true}
	r.names = [2]string{"/keys/k/0123456789abcdef0123456789abcdef", "/keys/other/0123456789abcdef0123456789abcdef"}
	r.key, r.other = cloud.Key{Provider: cloud.Azure, Name: s.URL() + r.names[0]}, cloud.Key{Provider: cloud.Azure, Name: s.URL() + r.names[1]}
	r.helper = helper(t, cloud.Azure, s.URL(), environ(t, append(s.Environ(r.who), "SSL_CERT_FILE="+caFile)...))
	r.noPrincipal = environ(t, "SSL_CERT_FILE="+caFile, "AZURE_TOKEN_CREDENTIALS=EnvironmentCredential")
	r.throttle = cloudtest.Fault{Status: http.StatusTooManyRequests, Code: "Throttled", Headers: map[string]string{"Retry-After": "1"}}
	r.unavailable = cloudtest.Fault{Status: http.StatusServiceUnavailable, Code: "ServerBusy"}
	r.malformed = cloudtest.Fault{Status: http.StatusOK, Body: `{"value": 7`}
	return r
}

// certificate is a CA of its own and a certificate of it for loopback.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "secr test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	write(t, file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// serviceAccount is a key file as Google hands it out; the client signs its tokens
// itself and calls no token server.
func serviceAccount(t *testing.T, email string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": email, "private_key_id": "1", "project_id": "p",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://127.0.0.1:1/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	write(t, file, data)
	return file
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func about(name string, epoch uint64) cloud.Context {
	return cloud.Context{Vault: "vaultvaultvaultvaultvaultv", Kind: "role", Name: name, Epoch: epoch}
}

// do makes one call with the helper as a process of its own.
func (r *rig) do(t *testing.T, op cloud.Op, key cloud.Key, c cloud.Context, data []byte) ([]byte, *cloud.Error) {
	t.Helper()
	results, err := r.helper.Do(t.Context(), []cloud.Call{{Op: op, Key: key, Context: c, Data: data}})
	if err != nil {
		t.Fatal(err)
	}
	return results[0].Data, results[0].Error
}

func (r *rig) wrap(t *testing.T, c cloud.Context, data []byte) []byte {
	t.Helper()
	out, err := r.do(t, cloud.Wrap, r.key, c, data)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryProviderOpensWhatItWrapped(t *testing.T) {
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.cloud.Add(r.names[0], r.who)
			secret := []byte("0123456789abcdef")
			wrapped := r.wrap(t, about("deploy", 3), secret)
			if strings.Contains(string(wrapped), string(secret)) {
				t.Error("the ciphertext contains the plaintext")
			}
			got, cerr := r.do(t, cloud.Unwrap, r.key, about("deploy", 3), wrapped)
			if cerr != nil || string(got) != string(secret) {
				t.Fatalf("got %q, %v", got, cerr)
			}
			if log := r.cloud.Log(); len(log) != 2 || log[0].Principal != r.who {
				t.Errorf("the cloud's log is %v, want two calls of %s", log, r.who)
			}
		})
	}
}

func TestAWrappedKeyMovedElsewhereFailsToOpen(t *testing.T) {
	moves := map[string]func(*cloud.Context){
		"vault": func(c *cloud.Context) { c.Vault = "anothervaultanothervaultan" },
		"kind":  func(c *cloud.Context) { c.Kind = "cloud-share" },
		"role":  func(c *cloud.Context) { c.Name = "admin" },
		"epoch": func(c *cloud.Context) { c.Epoch++ },
	}
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.cloud.Add(r.names[0], r.who)
			wrapped := r.wrap(t, about("deploy", 3), []byte("0123456789abcdef"))
			for what, move := range moves {
				c := about("deploy", 3)
				move(&c)
				if got, err := r.do(t, cloud.Unwrap, r.key, c, wrapped); err == nil || err.Class != cloud.WrongContext {
					t.Errorf("moved to another %s: got %q, %v; want %s", what, got, err, cloud.WrongContext)
				}
			}
			damaged := append([]byte{}, wrapped...)
			damaged[len(damaged)-1] ^= 1
			if got, err := r.do(t, cloud.Unwrap, r.key, about("deploy", 3), damaged); err == nil || err.Class != cloud.WrongContext {
				t.Errorf("damaged: got %q, %v", got, err)
			}
		})
	}
}

func TestEveryRefusalHasItsClass(t *testing.T) {
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.cloud.Add(r.names[0], r.who)
			wrapped := r.wrap(t, about("deploy", 1), []byte("0123456789abcdef"))
			want := func(what string, class cloud.Class, key cloud.Key) {
				t.Helper()
				got, err := r.do(t, cloud.Unwrap, key, about("deploy", 1), wrapped)
				if err == nil || err.Class != class {
					t.Errorf("%s: got %q, %v; want class %s", what, got, err, class)
				}
			}
			want("no such key", cloud.NotFound, r.other)
			r.cloud.Allow(r.names[0])
			want("no access", cloud.Denied, r.key)
			r.cloud.Allow(r.names[0], r.who)
			r.cloud.SetState(r.names[0], cloudtest.Disabled)
			want("disabled", cloud.Disabled, r.key)
			r.cloud.SetState(r.names[0], cloudtest.PendingDeletion)
			want("pending deletion", cloud.Disabled, r.key)
			r.cloud.SetState(r.names[0], cloudtest.Enabled)
			r.cloud.Fail(r.throttle, r.throttle, r.throttle, r.throttle)
			want("throttled", cloud.Throttled, r.key)
		})
	}
}

func TestAFaultThatPassesIsRetriedOnce(t *testing.T) {
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.cloud.Add(r.names[0], r.who)
			wrapped := r.wrap(t, about("deploy", 1), []byte("0123456789abcdef"))
			r.cloud.Fail(r.unavailable)
			if _, err := r.do(t, cloud.Unwrap, r.key, about("deploy", 1), wrapped); err != nil {
				t.Errorf("one fault: %v", err)
			}
			r.cloud.Fail(r.unavailable, r.unavailable, r.unavailable, r.unavailable)
			if _, err := r.do(t, cloud.Unwrap, r.key, about("deploy", 1), wrapped); err == nil || err.Class != cloud.Unreachable {
				t.Errorf("faults without end: %v, want class %s", err, cloud.Unreachable)
			}
		})
	}
}

func TestAMalformedAnswerIsNeverAValue(t *testing.T) {
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.cloud.Add(r.names[0], r.who)
			r.cloud.Fail(r.malformed, r.malformed, r.malformed)
			got, err := r.do(t, cloud.Wrap, r.key, about("deploy", 1), []byte("0123456789abcdef"))
			if err == nil || err.Class != cloud.Malformed {
				t.Errorf("got %q, %v; want class %s", got, err, cloud.Malformed)
			}
		})
	}
}

func TestNoCredentialsAreSaidBeforeAnyCall(t *testing.T) {
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.cloud.Add(r.names[0], r.who)
			r.helper.Environ = r.noPrincipal
			_, err := r.do(t, cloud.Wrap, r.key, about("deploy", 1), []byte("0123456789abcdef"))
			if err == nil || err.Class != cloud.NoCredentials {
				t.Errorf("got %v, want class %s", err, cloud.NoCredentials)
			}
			if log := r.cloud.Log(); len(log) != 0 {
				t.Errorf("the cloud was called: %v", log)
			}
		})
	}
}

func TestASocketThatHangsEndsAtTheDeadline(t *testing.T) {
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.cloud.Add(r.names[0], r.who)
			r.helper.Limits = cloud.Limits{Connect: 30 * time.Second, Total: 2 * time.Second}
			hang := cloudtest.Fault{Hang: 10 * time.Minute}
			r.cloud.Fail(hang, hang, hang, hang)
			_, err := r.do(t, cloud.Wrap, r.key, about("deploy", 1), []byte("0123456789abcdef"))
			if err == nil || err.Class != cloud.Unreachable {
				t.Errorf("got %v, want class %s", err, cloud.Unreachable)
			}
		})
	}
}

func TestAPortWhereNobodyListensIsUnreachable(t *testing.T) {
	for name, start := range rigs(t) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			endpoint := "https://127.0.0.1:1"
			if name == "gcp" {
				endpoint = "127.0.0.1:1"
			}
			r.helper.Endpoints = map[cloud.Provider]string{r.key.Provider: endpoint}
			_, err := r.do(t, cloud.Wrap, r.key, about("deploy", 1), []byte("0123456789abcdef"))
			if err == nil || err.Class != cloud.Unreachable {
				t.Errorf("got %v, want class %s", err, cloud.Unreachable)
			}
		})
	}
}

func TestGCPRefusesAWrongChecksum(t *testing.T) {
	r := gcpRig(t)
	// The emulator behind the rig is not at hand, so this one is started apart.
	certificate, caFile := certificate(t)
	s, err := gcpkmstest.Start(certificate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Add(r.names[0], r.who)
	s.WrongSums = true
	account := serviceAccount(t, r.who)
	r.helper = helper(t, cloud.GCP, s.Endpoint(), environ(t, "GOOGLE_APPLICATION_CREDENTIALS="+account, "SSL_CERT_FILE="+caFile))
	_, cerr := r.do(t, cloud.Wrap, r.key, about("deploy", 1), []byte("0123456789abcdef"))
	if cerr == nil || cerr.Class != cloud.Malformed {
		t.Errorf("got %v, want class %s", cerr, cloud.Malformed)
	}
}

func TestAnotherVersionOfTheHelperIsRefused(t *testing.T) {
	r := awsRig(t)
	r.helper.Version = "another"
	_, err := r.helper.Do(t.Context(), []cloud.Call{{Op: cloud.Wrap, Key: r.key}})
	var mismatch *cloud.VersionError
	if !errors.As(err, &mismatch) || mismatch.Have != version {
		t.Errorf("got %v, want a VersionError", err)
	}
}

func TestAMissingHelperSaysHowToMendIt(t *testing.T) {
	if _, err := cloud.Locate(filepath.Join(t.TempDir(), "secr")); !errors.Is(err, cloud.ErrNoHelper) {
		t.Errorf("got %v, want ErrNoHelper", err)
	}
	if _, err := cloud.Locate("secr"); err == nil {
		t.Error("a path that is not absolute was accepted")
	}
}
