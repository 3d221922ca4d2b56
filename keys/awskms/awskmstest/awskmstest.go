// Package awskmstest is a small AWS KMS for tests: the JSON 1.1 protocol over real
// sockets, real AES-256-GCM with the encryption context as additional data, and
// SigV4 checked by signing again.
package awskmstest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/secr/secr/keys/cloud/cloudtest"
)

// Server answers Encrypt and Decrypt for the keys of its Cloud, whose principals
// are access key ids.
type Server struct {
	cloudtest.Cloud
	http    *httptest.Server
	secrets map[string]string
}

// Start serves on loopback. secrets are the access key ids and their secret keys.
func Start(secrets map[string]string) *Server {
	s := &Server{secrets: secrets}
	s.http = httptest.NewServer(s)
	return s
}

// URL is the endpoint.
func (s *Server) URL() string { return s.http.URL }

// Close ends the server and its connections.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

type request struct {
	KeyID             string `json:"KeyId"`
	Plaintext         []byte
	CiphertextBlob    []byte
	EncryptionContext map[string]string
}

// ServeHTTP is one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	if fault, ok := s.NextFault(); ok {
		serveFault(w, r, fault)
		return
	}
	principal, ok := s.authenticate(r, body)
	if !ok {
		refuse(w, http.StatusBadRequest, "InvalidSignatureException", "the request signature does not match")
		return
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		refuse(w, http.StatusBadRequest, "ValidationException", err.Error())
		return
	}
	op := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	code, message, out := s.do(op, principal, in)
	s.Record(cloudtest.Call{Op: op, Key: in.KeyID, Principal: principal, Context: string(aad(in.EncryptionContext)), Refused: code})
	if code != "" {
		refuse(w, http.StatusBadRequest, code, message)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	json.NewEncoder(w).Encode(out)
}

func (s *Server) do(op, principal string, in request) (code, message string, out any) {
	switch s.Check(in.KeyID, principal) {
	case cloudtest.Missing:
		return "NotFoundException", "Key '" + in.KeyID + "' does not exist", nil
	case cloudtest.NotAllowed:
		return "AccessDeniedException", "User: " + principal + " is not authorized to perform: kms:" + op + " on resource: " + in.KeyID, nil
	case cloudtest.IsDisabled:
		return "DisabledException", in.KeyID + " is disabled.", nil
	case cloudtest.IsPendingDeletion:
		return "KMSInvalidStateException", in.KeyID + " is pending deletion.", nil
	}
	switch op {
	case "Encrypt":
		blob, err := s.Encrypt(in.KeyID, aad(in.EncryptionContext), in.Plaintext)
		if err != nil {
			return "KMSInternalException", err.Error(), nil
		}
		return "", "", map[string]any{"CiphertextBlob": blob, "KeyId": in.KeyID, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
	case "Decrypt":
		plaintext, err := s.Decrypt(in.KeyID, aad(in.EncryptionContext), in.CiphertextBlob)
		if err != nil {
			return "InvalidCiphertextException", "", nil
		}
		return "", "", map[string]any{"Plaintext": plaintext, "KeyId": in.KeyID, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
	}
	return "UnknownOperationException", op, nil
}

// aad spells a context with lengths, sorted: without them {"a":"bc"} and
// {"ab":"c"} would be the same.
func aad(context map[string]string) []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(context)) {
		for _, part := range []string{name, context[name]} {
			out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
			out = append(out, part...)
		}
	}
	return out
}

// authenticate signs the request again with the secret of the access key that it
// names and compares.
func (s *Server) authenticate(r *http.Request, body []byte) (principal string, ok bool) {
	header := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(header, "Credential=")
	scope := strings.Split(strings.SplitN(rest, ",", 2)[0], "/")
	if len(scope) != 5 {
		return "", false
	}
	secret, known := s.secrets[scope[0]]
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if !known || err != nil {
		return "", false
	}
	_, signed, _ := strings.Cut(header, "SignedHeaders=")
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return "", false
	}
	for name := range strings.SplitSeq(strings.SplitN(signed, ",", 2)[0], ";") {
		if name != "host" && name != "content-length" {
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: scope[0], SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(hash[:]), scope[3], scope[2], at); err != nil {
		return "", false
	}
	return scope[0], again.Header.Get("Authorization") == header
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
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
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(f.Status)
		io.WriteString(w, f.Body)
		return
	}
	refuse(w, f.Status, f.Code, cmp.Or(f.Message, "a fault of the test"))
}
