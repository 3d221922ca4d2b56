//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/secr/secr/keys/awskms/awskmstest"
	"github.com/secr/secr/keys/azurekv/azurekvtest"
	"github.com/secr/secr/keys/cloud/cloudtest"
	"github.com/secr/secr/keys/gcpkms/gcpkmstest"
)

// provider is one cloud of a script.
type provider struct {
	cloud    *cloudtest.Cloud
	endpoint string
	key, who string            // the key as the cloud names it, and who may use it
	vars     map[string]string // of the script: credentials, and the key as policy names it
	seen     int               // calls that the script knows
	denied   cloudtest.Fault   // how it says no
}

// sky is the clouds of a script. They share a certificate.
type sky struct {
	folder      string
	providers   map[string]*provider
	certificate tls.Certificate
	caFile      string
}

// start runs a cloud, writes a settings file that leads to all of them, and returns what
// logs the script in.
func (s *sky) start(name string, later func(func())) (map[string]string, error) {
	var err error
	if s.caFile == "" {
		if s.certificate, s.caFile, err = authority(s.folder); err != nil {
			return nil, err
		}
	}
	var p *provider
	switch name {
	case "aws":
		p = startAWS(later)
	case "gcp":
		p, err = startGCP(s.folder, s.certificate, later)
	case "azure":
		p, err = startAzure(s.certificate, later)
	default:
		err = fmt.Errorf("no cloud %q", name)
	}
	if err != nil {
		return nil, err
	}
	if name != "aws" {
		p.vars["SSL_CERT_FILE"] = s.caFile
	}
	p.cloud.Add(p.key, p.who)
	s.providers[name] = p
	return p.vars, os.WriteFile(filepath.Join(s.folder, "settings.toml"), s.settings(), 0o600)
}

// settings leads to the clouds, with long limits: what is slow here is the machine.
func (s *sky) settings() []byte {
	out := []byte("[clouds]\nconnect = \"60s\"\ntimeout = \"60s\"\n[clouds.endpoints]\n")
	for name, p := range s.providers {
		out = fmt.Appendf(out, "%s = %q\n", name, p.endpoint)
	}
	return out
}

func startAWS(later func(func())) *provider {
	const key = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	s := awskmstest.Start(map[string]string{"AKIATEST": "a secret key"})
	later(s.Close)
	return &provider{cloud: &s.Cloud, endpoint: s.URL(), key: key, who: "AKIATEST", vars: map[string]string{
		"AWS_KEY": key, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "a secret key",
	}, denied: cloudtest.Fault{Status: http.StatusBadRequest, Code: "AccessDeniedException"}}
}

func startGCP(folder string, certificate tls.Certificate, later func(func())) (*provider, error) {
	const key, who = "projects/example-project/locations/global/keyRings/secr/cryptoKeys/deploy", "deploy@example-project.iam.gserviceaccount.com"
	s, err := gcpkmstest.Start(certificate)
	if err != nil {
		return nil, err
	}
	later(s.Close)
	account := filepath.Join(folder, "account.json")
	return &provider{cloud: &s.Cloud, endpoint: s.Endpoint(), key: key, who: who, vars: map[string]string{
		"GCP_KEY": key, "GOOGLE_APPLICATION_CREDENTIALS": account,
	}, denied: cloudtest.Fault{Status: int(codes.PermissionDenied)}}, serviceAccount(account, who)
}

func startAzure(certificate tls.Certificate, later func(func())) (*provider, error) {
	const path, who = "/keys/deploy/0123456789abcdef0123456789abcdef", "11111111-aaaa-bbbb-cccc-000000000000"
	s, err := azurekvtest.Start(certificate)
	if err != nil {
		return nil, err
	}
	later(s.Close)
	p := &provider{
		cloud: &s.Cloud, endpoint: s.URL(), key: path, who: who, vars: map[string]string{"AZURE_KEY": "https://example-vault.vault.azure.net" + path},
		denied: cloudtest.Fault{Status: http.StatusForbidden, Code: "ForbiddenByRbac"},
	}
	for _, pair := range s.Environ(who) {
		name, value, _ := strings.Cut(pair, "=")
		p.vars[name] = value
	}
	return p, nil
}

// authority is a CA of the script's own and a certificate of it for loopback.
func authority(folder string) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "secr test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	file := filepath.Join(folder, "ca.pem")
	err = os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file, err
}

func serviceAccount(file, email string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": email, "private_key_id": "1", "project_id": "example-project",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://127.0.0.1:1/token",
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
