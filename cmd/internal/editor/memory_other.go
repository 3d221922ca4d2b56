//go:build !linux

package editor

func memoryFolders(func(string) string) []string { return nil }

// inMemory is false: this system has no folder of which secr could know.
func inMemory(string) bool { return false }
