package chain

// The limits of format 1 that are not those of a grammar. They are part of the format:
// every client refuses the same changes. A whole rotation of the largest valid vault is
// within them. Those of policy files are in package policy, those of records in package
// record.
const (
	// MaxPath is the length of the longest path that is looked at, in bytes. Every
	// path that a vault can have is shorter.
	MaxPath = 128
	// MaxWrap is the size of the largest wrap for a device or a role, in bytes.
	MaxWrap = 4 << 10
	// MaxCloudWrap is the size of the largest wrap for a cloud key, in bytes.
	MaxCloudWrap = 8 << 10
	// MaxSecrets is the number of secrets in one environment, deleted ones included.
	MaxSecrets = 1 << 16
	// MaxEnvironmentBytes is the size of all records of one environment together.
	MaxEnvironmentBytes = 256 << 20
	// MaxTouched is the number of paths that one change can touch.
	MaxTouched = 1 << 20
	// sealedKey is the size of a key sealed under another: nonce, key, tag.
	sealedKey = 12 + 32 + 16
)
