package remotetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// HTTPS starts git http-backend behind TLS on loopback. It asks for basic
// authentication, user "ana" with password "pass word".
func HTTPS(t testing.TB) *Host {
	t.Helper()
	root := t.TempDir()
	h := &Host{Name: "https", Root: root, User: "ana", Password: "pass word"}
	backend := &cgi.Handler{
		Path: Git(t), Args: []string{"http-backend"}, Dir: root,
		Env: append(Env(t), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*"),
		Stderr: io.Discard,
	}
	server := StartTLS(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || user != h.User || password != h.Password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body) // cgi takes no chunked bodies
		if err != nil {
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		backend.ServeHTTP(w, r)
	})
	h.CA = server.CA
	h.Address = func(r string) string { return server.URL + "/" + r + ".git" }
	h.Env = []string{"GIT_SSL_CAINFO=" + h.CA,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential." + server.URL + ".helper",
		"GIT_CONFIG_VALUE_0=!f() { test \"$1\" = get && printf 'username=ana\\npassword=pass word\\n'; }; f"}
	return h
}

// TLSServer is a server with a certificate of a private authority.
type TLSServer struct {
	URL string // https://127.0.0.1:port
	CA  string // file with the authority's certificate
}

// StartTLS serves f until the test ends.
func StartTLS(t testing.TB, f http.HandlerFunc) TLSServer {
	t.Helper()
	authority, authorityKey := certificate(t, nil, nil)
	leaf, leafKey := certificate(t, authority, authorityKey)
	server := httptest.NewUnstartedServer(f)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return TLSServer{URL: server.URL, CA: file}
}

// certificate makes an authority, or a certificate for loopback when there is one.
func certificate(t testing.TB, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "secr test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if parent == nil {
		parent, signer = template, key
	} else {
		template.SerialNumber, template.Subject.CommonName, template.IsCA = big.NewInt(2), "127.0.0.1", false
		template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.IPAddresses, template.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}
