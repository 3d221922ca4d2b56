package keyring

import "time"

// Classify is what an error of the library's becomes.
func Classify(o OS, err error) error { return o.classify(err) }

// Patient asks a machine under load whether it is locked for as long as it needs.
func Patient(o OS) OS {
	o.probe = time.Minute
	return o
}
