// Package gcpkmstest is a small Google Cloud KMS for tests: the real gRPC service
// over TLS on real sockets, real AES-256-GCM with the additional data, CRC32C
// fields checked and sent, and access by the service account that signed the
// caller's token.
package gcpkmstest

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"net"
	"strings"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/secr/secr/keys/cloud/cloudtest"
)

// Server answers Encrypt and Decrypt for the keys of its Cloud, whose principals
// are the issuers of self-signed tokens: service accounts' e-mail addresses.
type Server struct {
	kmspb.UnimplementedKeyManagementServiceServer
	cloudtest.Cloud
	// WrongSums makes every answer carry a CRC32C that is off by one.
	WrongSums bool

	grpc     *grpc.Server
	listener net.Listener
}

// Start serves on loopback with the certificate, which the caller must trust by
// SSL_CERT_FILE.
func Start(certificate tls.Certificate) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener}
	s.grpc = grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	kmspb.RegisterKeyManagementServiceServer(s.grpc, s)
	go s.grpc.Serve(listener)
	return s, nil
}

// Endpoint is host and port.
func (s *Server) Endpoint() string { return s.listener.Addr().String() }

// Close ends the server and its connections.
func (s *Server) Close() { s.grpc.Stop() }

// Encrypt is the service's method.
func (s *Server) Encrypt(ctx context.Context, in *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	if err := s.admit(ctx, "Encrypt", in.Name, in.AdditionalAuthenticatedData); err != nil {
		return nil, err
	}
	if !matches(in.PlaintextCrc32C, in.Plaintext) || !matches(in.AdditionalAuthenticatedDataCrc32C, in.AdditionalAuthenticatedData) {
		return nil, status.Error(codes.InvalidArgument, "a CRC32C does not match")
	}
	blob, err := s.Cloud.Encrypt(in.Name, in.AdditionalAuthenticatedData, in.Plaintext)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &kmspb.EncryptResponse{
		Name: in.Name + "/cryptoKeyVersions/1", Ciphertext: blob, CiphertextCrc32C: s.sum(blob),
		VerifiedPlaintextCrc32C: true, VerifiedAdditionalAuthenticatedDataCrc32C: true,
	}, nil
}

// Decrypt is the service's method.
func (s *Server) Decrypt(ctx context.Context, in *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	if err := s.admit(ctx, "Decrypt", in.Name, in.AdditionalAuthenticatedData); err != nil {
		return nil, err
	}
	if !matches(in.CiphertextCrc32C, in.Ciphertext) || !matches(in.AdditionalAuthenticatedDataCrc32C, in.AdditionalAuthenticatedData) {
		return nil, status.Error(codes.InvalidArgument, "a CRC32C does not match")
	}
	plaintext, err := s.Cloud.Decrypt(in.Name, in.AdditionalAuthenticatedData, in.Ciphertext)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid.")
	}
	return &kmspb.DecryptResponse{Plaintext: plaintext, PlaintextCrc32C: s.sum(plaintext), UsedPrimary: true}, nil
}

// admit serves a fault, or checks who calls and whether he may.
func (s *Server) admit(ctx context.Context, op, key string, aad []byte) error {
	if fault, ok := s.NextFault(); ok {
		return serveFault(ctx, fault)
	}
	who := principal(ctx)
	err := s.refusal(op, key, who)
	call := cloudtest.Call{Op: op, Key: key, Principal: who, Context: string(aad)}
	if err != nil {
		call.Refused = status.Code(err).String()
	}
	s.Record(call)
	return err
}

func (s *Server) refusal(op, key, who string) error {
	if who == "" {
		return status.Error(codes.Unauthenticated, "Request had invalid authentication credentials.")
	}
	switch s.Check(key, who) {
	case cloudtest.Missing:
		return status.Errorf(codes.NotFound, "CryptoKey %s not found.", key)
	case cloudtest.NotAllowed:
		return status.Errorf(codes.PermissionDenied, "Permission 'cloudkms.cryptoKeyVersions.useTo%s' denied on resource '%s' (or it may not exist).", op, key)
	case cloudtest.IsDisabled, cloudtest.IsPendingDeletion:
		return status.Errorf(codes.FailedPrecondition, "%s/cryptoKeyVersions/1 is not enabled.", key)
	}
	return nil
}

func serveFault(ctx context.Context, f cloudtest.Fault) error {
	if f.Hang > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(f.Hang):
		}
		return status.Error(codes.Unavailable, "hung")
	}
	return status.Error(codes.Code(f.Status), cmp.Or(f.Message, f.Code))
}

// principal is the issuer of the caller's token. The signature is not checked: the
// emulator knows no Google keys, and access is what the tests are about.
func principal(ctx context.Context) string {
	headers, _ := metadata.FromIncomingContext(ctx)
	for _, value := range headers.Get("authorization") {
		parts := strings.Split(strings.TrimPrefix(value, "Bearer "), ".")
		if len(parts) != 3 {
			continue
		}
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		var claims struct{ Iss string }
		if err == nil && json.Unmarshal(raw, &claims) == nil {
			return claims.Iss
		}
	}
	return ""
}

func (s *Server) sum(data []byte) *wrapperspb.Int64Value {
	value := checksum(data)
	if s.WrongSums {
		value++
	}
	return wrapperspb.Int64(value)
}

func checksum(data []byte) int64 {
	return int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

func matches(have *wrapperspb.Int64Value, data []byte) bool {
	return have != nil && have.Value == checksum(data)
}
