// Package azurekvtest is a small Azure Key Vault for tests: HTTPS on real sockets, the
// 401 challenge, tokens from a managed identity endpoint, and real RSA-OAEP-256.
package azurekvtest

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/secr/secr/keys/cloud/cloudtest"
)

// Server answers wrapkey and unwrapkey for the keys of its Cloud, whose principals
// are client ids of managed identities. It is the identity endpoint too.
type Server struct {
	cloudtest.Cloud
	vault, identity *httptest.Server
	rsa             *rsa.PrivateKey
}

// Start serves on loopback with the certificate, which the caller must trust by
// SSL_CERT_FILE.
func Start(certificate tls.Certificate) (*Server, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	s := &Server{rsa: key}
	s.vault = httptest.NewUnstartedServer(http.HandlerFunc(s.serveVault))
	s.vault.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.vault.StartTLS()
	s.identity = httptest.NewServer(http.HandlerFunc(s.serveIdentity))
	return s, nil
}

// URL is the vault's endpoint.
func (s *Server) URL() string { return "https://" + s.vault.Listener.Addr().String() }

// Environ is what makes the SDK's default chain use the identity endpoint as the
// managed identity with that client id.
func (s *Server) Environ(principal string) []string {
	return []string{
		"AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential", "AZURE_CLIENT_ID=" + principal,
		"IDENTITY_ENDPOINT=" + s.identity.URL + "/token", "IDENTITY_HEADER=test",
	}
}

// Close ends the servers and their connections.
func (s *Server) Close() {
	for _, server := range []*httptest.Server{s.vault, s.identity} {
		server.CloseClientConnections()
		server.Close()
	}
}

// serveIdentity hands out tokens that name their client id.
func (s *Server) serveIdentity(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-IDENTITY-HEADER") != "test" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	reply(w, http.StatusOK, map[string]string{
		"access_token": r.URL.Query().Get("client_id"), "token_type": "Bearer",
		"expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()), "resource": r.URL.Query().Get("resource"),
	})
}

func (s *Server) serveVault(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		// The SDK requires that the vault's host ends in the resource's host after a
		// dot: for 127.0.0.1 that is 0.0.1.
		_, port, _ := net.SplitHostPort(r.Host)
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", resource="https://0.0.1:`+port+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	// Read first: only then does the server notice that a caller has left.
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	if fault, ok := s.NextFault(); ok {
		serveFault(w, r, fault)
		return
	}
	name, op := r.URL.Path, ""
	if at := strings.LastIndex(name, "/"); at >= 0 {
		name, op = name[:at], name[at+1:]
	}
	code, status, result := s.do(op, name, token, body)
	s.Record(cloudtest.Call{Op: op, Key: name, Principal: token, Refused: code})
	if code != "" {
		refuse(w, status, code, "")
		return
	}
	reply(w, http.StatusOK, map[string]string{"kid": s.URL() + name, "value": base64.RawURLEncoding.EncodeToString(result)})
}

func (s *Server) do(op, name, principal string, body []byte) (code string, status int, result []byte) {
	switch s.Check(name, principal) {
	case cloudtest.Missing:
		return "KeyNotFound", http.StatusNotFound, nil
	case cloudtest.NotAllowed:
		return "ForbiddenByRbac", http.StatusForbidden, nil
	case cloudtest.IsDisabled, cloudtest.IsPendingDeletion:
		// A disabled Azure key may still wrap, and refuses to unwrap.
		if op == "unwrapkey" {
			return "KeyDisabled", http.StatusForbidden, nil
		}
	}
	var in struct{ Alg, Value string }
	if err := json.Unmarshal(body, &in); err != nil || in.Alg != "RSA-OAEP-256" {
		return "BadParameter", http.StatusBadRequest, nil
	}
	value, err := base64.RawURLEncoding.DecodeString(in.Value)
	if err != nil {
		return "BadParameter", http.StatusBadRequest, nil
	}
	switch op {
	case "wrapkey":
		result, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &s.rsa.PublicKey, value, nil)
	case "unwrapkey":
		result, err = rsa.DecryptOAEP(sha256.New(), nil, s.rsa, value, nil)
		result = s.Answer(result)
	default:
		return "BadParameter", http.StatusBadRequest, nil
	}
	if err != nil {
		return "BadParameter", http.StatusBadRequest, nil
	}
	return "", 0, result
}

// refuse answers as the service does: forbidden calls say why in an inner error.
func refuse(w http.ResponseWriter, status int, code, message string) {
	body := map[string]any{"code": code, "message": cmp.Or(message, "the service says "+code)}
	if status == http.StatusForbidden {
		body["code"], body["innererror"] = "Forbidden", map[string]string{"code": code}
	}
	reply(w, status, map[string]any{"error": body})
}

func serveFault(w http.ResponseWriter, r *http.Request, f cloudtest.Fault) {
	if f.Hang > 0 {
		select {
		case <-r.Context().Done():
		case <-time.After(f.Hang):
		}
		return
	}
	for name, value := range f.Headers {
		w.Header().Set(name, value)
	}
	if f.Body != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.Status)
		io.WriteString(w, f.Body)
		return
	}
	refuse(w, f.Status, f.Code, f.Message)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
