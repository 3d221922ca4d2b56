package local

import "io/fs"

const noFollow = 0

// On Windows the folders inherit the access list of the user's profile, and
// neither owner nor mode bits say anything.
func foreign(fs.FileInfo) bool { return false }

func tooOpen(fs.FileInfo, fs.FileMode) bool { return false }

// syncFolder does nothing: Windows has no sync of folders, NTFS journals names.
func syncFolder(string) error { return nil }

// ownFolder has nothing to ask: a link needs a right here that users don't have.
func ownFolder(string) error { return nil }
