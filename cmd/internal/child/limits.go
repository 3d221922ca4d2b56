package child

// limits are what the system takes when a program starts, in bytes.
type limits struct {
	one   int // one argument or variable with its closing NUL, 0 for no limit
	total int // all of them, each with its NUL and a pointer, 0 for no limit
}

// pointer is what the kernel counts for each argument and variable beside its bytes.
const pointer = 8

// check tells before anything starts what the system would refuse, and names the secret.
func (l limits) check(path string, args []string, env Environment) error {
	total := len(path) + 1
	for _, a := range args {
		total += len(a) + 1 + pointer
	}
	largest, size := "", 0
	for i, entry := range env.list {
		total += len(entry) + 1 + pointer
		if l.one > 0 && len(entry)+1 > l.one {
			name, _ := split(entry)
			return &TooLargeError{Name: name, Size: len(entry) + 1, Limit: l.one}
		}
		if i >= env.first && len(entry)+1 > size {
			size = len(entry) + 1
			largest, _ = split(entry)
		}
	}
	if l.total > 0 && total > l.total && largest != "" {
		return &TooLargeError{Name: largest, Size: size, Limit: l.total, Total: total}
	}
	return nil
}
