package policy

// Format is the number of the format that this package reads. A policy may carry a
// higher number, as the last change that this release understands; see
// [Policy.Format].
const Format = 1

// Limits of format 1. They are part of the format: a policy beyond one is invalid
// for every release that reads format 1.
const (
	MaxFile            = 1 << 20 // bytes of one policy file
	MaxFiles           = 8192    // policy files of one vault: more than the limits below add up to
	MaxFormat          = 1 << 16 // the largest format number
	MaxMembers         = 4096    // members, retired ones included
	MaxDevices         = 64      // devices of one member, retired ones included
	MaxRoles           = 256     // roles, retired ones included
	MaxEnvironments    = 64      // environments, retired ones included
	MaxCloudKeys       = 256     // cloud keys, retired ones included
	MaxInvites         = 256     // open invites
	MaxEpoch           = 4096    // the last epoch of a role, an environment or the audit key
	MaxName            = 32      // bytes of a handle, or of the name of a role, an environment or a device
	MaxText            = 128     // bytes of a display name or an email address
	MaxAllowedNames    = 256     // special names that one environment allows
	MaxTemplateEntries = 1024    // entries of one template
	MaxTemplateNote    = 256     // bytes of the note of a template's entry
	MaxVerifier        = 1 << 18 // bytes of an invite's verifier, before hex
	MaxAge             = 10 * 365 * 86400
	MaxTime            = 253402300799 // the last second of the year 9999
)

// idLength is the length of every id made by keys.ID.
const idLength = 26
