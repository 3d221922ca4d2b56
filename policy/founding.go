package policy

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/secr/secr/vault/canonical"
)

// FoundingPath is where the founding file is in the vault's tree.
const FoundingPath = "vault.json"

// Founding is vault.json: what a vault began with. It never changes, and its bytes
// give the vault's id.
type Founding struct {
	Format    int    `json:"format"`
	Nonce     Hex32  `json:"nonce"`     // salt of every device's keys in this vault
	Created   int64  `json:"created"`   // Unix time
	Sign      Hex32  `json:"sign"`      // the founder's Ed25519 public key
	Recipient string `json:"recipient"` // the founder's age recipient
	Join      Hex64  `json:"join"`      // the founder's signature, with the nonce in place of the vault's id
}

// ParseFounding reads vault.json.
func ParseFounding(data []byte) (Founding, error) {
	var f Founding
	if len(data) > MaxFile {
		return f, malformed(FoundingPath, "larger than %d bytes", MaxFile)
	}
	if n, ok := leadingFormat(data); ok && n > Format {
		return f, &Error{Path: FoundingPath, What: fmt.Sprintf("founded with format %d: update secr", n), Kind: ErrNewer}
	}
	if err := canonical.Unmarshal(data, &f); err != nil {
		return Founding{}, malformed(FoundingPath, "%v", err)
	}
	switch {
	case f.Format != Format:
		return Founding{}, malformed(FoundingPath, "a vault is founded with format %d", Format)
	case !validTime(f.Created):
		return Founding{}, malformed(FoundingPath, "created is no time")
	}
	if err := CheckRecipient(f.Recipient); err != nil {
		return Founding{}, malformed(FoundingPath, "%v", err)
	}
	return f, nil
}

// Bytes returns the file.
func (f Founding) Bytes() ([]byte, error) { return canonical.Marshal(f) }

// NonceHex is the nonce as the founder's join signature covers it.
func (f Founding) NonceHex() string { return hex.EncodeToString(f.Nonce[:]) }

// DeviceID is the id of the founder's first device, which is also the founder's id
// as a member.
func (f Founding) DeviceID() string { return DeviceID(f.Sign, f.Recipient) }

// Device is the founder's first device as its member file must list it.
func (f Founding) Device(name string) Device {
	return Device{ID: f.DeviceID(), Name: name, Kind: Machine, Sign: f.Sign, Recipient: f.Recipient, Join: f.Join}
}

// leadingFormat reads the number that every format of the file begins with. It comes
// before anything else of the file is believed: what follows it may be of a later
// format.
func leadingFormat(data []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(data, []byte("{\n  \"format\": "))
	digits, _, found := bytes.Cut(rest, []byte(",\n"))
	if !ok || !found || len(digits) > 5 || len(digits) > 0 && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 32)
	return int(n), err == nil && n <= MaxFormat
}

func validTime(t int64) bool { return 0 <= t && t <= MaxTime }
