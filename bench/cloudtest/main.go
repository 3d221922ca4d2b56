// Command cloudtest is the AWS KMS of the tests as a process, with one key and one
// principal who may use it, for benchmarks. It prints its address, then answers each line
// on standard input with the number of calls so far, and ends with the input. The key is
// Key; AWS_ACCESS_KEY_ID=AKIATEST and AWS_SECRET_ACCESS_KEY=secret use it.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/secr/secr/keys/awskms/awskmstest"
)

// Key is the key's name.
const Key = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"

func main() {
	s := awskmstest.Start(map[string]string{"AKIATEST": "secret"})
	defer s.Close()
	s.Add(Key, "AKIATEST")
	fmt.Println(s.URL())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(len(s.Log()))
	}
}
