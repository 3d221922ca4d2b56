//go:build !unix

package receipt

// addresses is nothing where the question takes long or loads much.
func addresses() []string { return nil }
