// Package cloud is a cloud key as a holder: a key that stays in AWS KMS, Google
// Cloud KMS or Azure Key Vault and opens a role without a device. It reads, it
// never signs.
//
// The providers' SDKs cost every process that links them several milliseconds, so
// they live in an executable of their own, secr-kms, which this package finds
// beside the running one, starts when a cloud key is needed, and speaks to in JSON
// over stdin and stdout (docs/spec/kms.md). Nothing in this package opens a
// network connection.
package cloud

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// Provider is one of the three clouds.
type Provider string

// The providers of format 1.
const (
	AWS   Provider = "aws"
	GCP   Provider = "gcp"
	Azure Provider = "azure"
)

// Key names one key at one provider. Name has the provider's exact shape: an AWS
// key or alias ARN, a GCP resource name, an Azure key identifier with its version.
type Key struct {
	Provider Provider `json:"provider"`
	Name     string   `json:"name"`
}

// Context says what a wrapped key is for. It is bound to the ciphertext, so that
// one moved to another vault, role or epoch fails to open: as encryption context
// (AWS), as additional data (GCP), as a hash in front of the payload (Azure).
type Context struct {
	Vault string `json:"vault"`
	Kind  string `json:"kind"` // role, cloud-share or identity
	Name  string `json:"name"` // the role's, environment's or profile's
	Epoch uint64 `json:"epoch"`
}

// Fields is the context as AWS takes it: an encryption context, which the cloud's
// log shows with each call.
func (c Context) Fields() map[string]string {
	return map[string]string{
		"secr-vault": c.Vault,
		"secr-kind":  c.Kind,
		"secr-name":  c.Name,
		"secr-epoch": strconv.FormatUint(c.Epoch, 10),
	}
}

// Bytes is the context as GCP takes it: additional authenticated data.
func (c Context) Bytes() []byte {
	out := []byte("secr/1 cloud key\n")
	for _, part := range []string{c.Vault, c.Kind, c.Name} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return binary.BigEndian.AppendUint64(out, c.Epoch)
}

// Hash is SHA-256 of Bytes: what stands in front of the payload at Azure, which
// knows no additional data.
func (c Context) Hash() [32]byte { return sha256.Sum256(c.Bytes()) }
