package child

// Protection is what keeps other processes of the same user from reading this one's
// memory, and the way to undo it for the program that secr becomes.
type Protection struct {
	core coreLimit // as it was found
}
