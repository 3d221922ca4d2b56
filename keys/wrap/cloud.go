package wrap

import (
	"fmt"
	"slices"

	"filippo.io/age"

	"github.com/secr/secr/keys"
)

// Cloud is a key in a cloud's key management, as a holder: age's file key, 16
// bytes, is encrypted and decrypted there. The two functions carry their own
// context, deadline and binding to vault, role and epoch; either may be nil if
// it is not needed.
type Cloud struct {
	Provider string // "aws", "gcp" or "azure"
	ID       string // the cloud key's id in the vault
	Encrypt  func(fileKey []byte) (ciphertext []byte, err error)
	Decrypt  func(ciphertext []byte) (fileKey []byte, err error)
}

// CloudError is what a cloud said when it was asked to encrypt or decrypt.
type CloudError struct {
	Provider, ID string
	Err          error // names the key as its provider does
}

// Error gives the cause's words.
func (e *CloudError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *CloudError) Unwrap() error { return e.Err }

// Recipient lets a key be wrapped to c.
func (c Cloud) Recipient() Recipient { return Recipient{age: cloudHolder{c}} }

// Unwrap returns the key of x from a file that [Wrap] wrote for c. An error of
// the cloud's is a [CloudError].
func (c Cloud) Unwrap(file []byte, x Context) (keys.Key, error) {
	return unwrap(cloudHolder{c}, file, x)
}

// cloudHolder is both sides of age's interface for one cloud key.
type cloudHolder struct{ Cloud }

func (c cloudHolder) stanza() string { return "secr-" + c.Provider }

// Wrap implements [age.Recipient].
func (c cloudHolder) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	if c.Encrypt == nil {
		return nil, &CloudError{c.Provider, c.ID, fmt.Errorf("%s key %s: can't encrypt here", c.Provider, c.ID)}
	}
	body, err := c.Encrypt(slices.Clone(fileKey))
	if err != nil {
		return nil, &CloudError{c.Provider, c.ID, err}
	}
	return []*age.Stanza{{Type: c.stanza(), Args: []string{c.ID}, Body: body}}, nil
}

// WrapWithLabels implements [age.RecipientWithLabels]: a cloud key is alone in
// its file.
func (c cloudHolder) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	s, err := c.Wrap(fileKey)
	return s, []string{"secr-cloud-" + c.ID}, err
}

// Unwrap implements [age.Identity].
func (c cloudHolder) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != c.stanza() || !slices.Equal(s.Args, []string{c.ID}) {
			continue
		}
		if c.Decrypt == nil {
			return nil, &CloudError{c.Provider, c.ID, fmt.Errorf("%s key %s: can't decrypt here", c.Provider, c.ID)}
		}
		fileKey, err := c.Decrypt(s.Body)
		if err != nil {
			return nil, &CloudError{c.Provider, c.ID, err}
		}
		if len(fileKey) != fileKeySize {
			return nil, fmt.Errorf("the cloud returned a key of %d bytes", len(fileKey))
		}
		return fileKey, nil
	}
	return nil, age.ErrIncorrectIdentity
}
