// Package gcpkms wraps keys with Google Cloud KMS, by the official client and
// application default credentials (service account, workload identity federation,
// metadata server, gcloud). The additional authenticated data names vault, kind,
// name and epoch; the CRC32C fields are sent and checked both ways. Only
// cmd/secr-kms links this package.
package gcpkms

import (
	"context"
	"errors"
	"hash/crc32"
	"strings"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/secr/secr/keys/cloud"
)

// Client speaks for one key. Its methods are safe for concurrent use.
type Client struct {
	key cloud.Key
	kms *kms.KeyManagementClient
}

// Open makes the client of the key that o names by its resource name. It fails
// with a cloud.Error of class NoCredentials if there are none.
func Open(ctx context.Context, o cloud.Options) (cloud.Client, error) {
	if !strings.HasPrefix(o.Key.Name, "projects/") {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.Malformed, Message: "the key's name is not a resource name of Cloud KMS"}
	}
	dial := grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: o.Limits.Connect})
	options := []option.ClientOption{option.WithGRPCDialOption(dial), option.WithTelemetryDisabled()}
	if o.Endpoint != "" {
		options = append(options, option.WithEndpoint(o.Endpoint))
	}
	client, err := kms.NewKeyManagementClient(ctx, options...)
	if err != nil {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.NoCredentials, Message: err.Error()}
	}
	return &Client{key: o.Key, kms: client}, nil
}

// Wrap encrypts plaintext under the key's primary version and the context.
func (c *Client) Wrap(ctx context.Context, about cloud.Context, plaintext []byte) ([]byte, error) {
	aad := about.Bytes()
	request := &kmspb.EncryptRequest{
		Name: c.key.Name, Plaintext: plaintext, PlaintextCrc32C: sum(plaintext),
		AdditionalAuthenticatedData: aad, AdditionalAuthenticatedDataCrc32C: sum(aad),
	}
	out, err := retried(ctx, func() (*kmspb.EncryptResponse, error) { return c.kms.Encrypt(ctx, request, once()) })
	if err != nil {
		return nil, c.explain(err)
	}
	if !out.VerifiedPlaintextCrc32C || !out.VerifiedAdditionalAuthenticatedDataCrc32C || !matches(out.CiphertextCrc32C, out.Ciphertext) {
		return nil, &cloud.Error{Key: c.key, Class: cloud.Malformed, Message: "a CRC32C of the answer does not match: damaged on the way"}
	}
	return out.Ciphertext, nil
}

// Unwrap opens ciphertext.
func (c *Client) Unwrap(ctx context.Context, about cloud.Context, ciphertext []byte) ([]byte, error) {
	aad := about.Bytes()
	request := &kmspb.DecryptRequest{
		Name: c.key.Name, Ciphertext: ciphertext, CiphertextCrc32C: sum(ciphertext),
		AdditionalAuthenticatedData: aad, AdditionalAuthenticatedDataCrc32C: sum(aad),
	}
	out, err := retried(ctx, func() (*kmspb.DecryptResponse, error) { return c.kms.Decrypt(ctx, request, once()) })
	if err != nil {
		return nil, c.explain(err)
	}
	if len(out.Plaintext) == 0 || !matches(out.PlaintextCrc32C, out.Plaintext) {
		return nil, &cloud.Error{Key: c.key, Class: cloud.Malformed, Message: "the CRC32C of the answer does not match: damaged on the way"}
	}
	return out.Plaintext, nil
}

// once switches the client's own retries off: they go on until the deadline and
// then report the deadline instead of the cause.
func once() gax.CallOption {
	return gax.WithRetry(func() gax.Retryer { return nil })
}

// retried tries once more what the service says may pass.
func retried[T any](ctx context.Context, call func() (T, error)) (T, error) {
	out, err := call()
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted:
	default:
		return out, err
	}
	select {
	case <-ctx.Done():
		return out, err
	case <-time.After(pause):
		return call()
	}
}

const pause = 200 * time.Millisecond

func sum(data []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))))
}

func matches(have *wrapperspb.Int64Value, data []byte) bool {
	return have != nil && have.Value == sum(data).Value
}

// explain sorts the client's error by its gRPC code.
func (c *Client) explain(err error) error {
	out := &cloud.Error{Key: c.key, Class: cloud.Failed, Message: err.Error()}
	if errors.Is(err, context.DeadlineExceeded) {
		out.Class = cloud.Unreachable
		return out
	}
	state, ok := status.FromError(err)
	if !ok {
		return out
	}
	out.Message = state.Message()
	switch state.Code() {
	case codes.PermissionDenied:
		out.Class = cloud.Denied
	case codes.Unauthenticated:
		out.Class = cloud.NoCredentials
	case codes.FailedPrecondition:
		out.Class = cloud.Disabled
	case codes.NotFound:
		out.Class = cloud.NotFound
	case codes.InvalidArgument:
		out.Class = cloud.WrongContext
	case codes.ResourceExhausted:
		out.Class = cloud.Throttled
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		out.Class = cloud.Unreachable
	case codes.Internal, codes.DataLoss, codes.Unknown:
		out.Class = cloud.Malformed
	}
	return out
}
