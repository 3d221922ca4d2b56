package chain

// The limits of format 1 that are not those of a grammar. They are part of the format:
// every client refuses the same changes. A whole rotation of the largest valid vault is
// within them. Those of policy files are in package policy, those of records in package
// record.
const (
	// MaxPath is the length of the longest path that is looked at, in bytes. Every
	// path that a vault can have is shorter.
	MaxPath = 128
	// MaxSecrets is the number of secrets in one environment, deleted ones included.
	MaxSecrets = 1 << 16
	// MaxEnvironmentBytes is the size of all records of one environment together.
	MaxEnvironmentBytes = 256 << 20
	// MaxVaultSecrets is the number of secrets in all environments together.
	MaxVaultSecrets = 1 << 18
	// MaxVaultBytes is the size of all records of a vault together.
	MaxVaultBytes = 512 << 20
	// MaxKeyFiles is the number of files under keys/.
	MaxKeyFiles = 1 << 18
	// MaxTouched is the number of paths that one change can touch: all files under
	// keys/ going and coming, all secrets, all of the policy, are fewer.
	MaxTouched = 1 << 20
	// sealedKey is the size of a key sealed under another: nonce, key, tag.
	sealedKey = 12 + 32 + 16
)
