package child

import (
	"fmt"
	"testing"
)

// BenchmarkCompose is the part of ten thousand secrets that `run` pays here.
func BenchmarkCompose(b *testing.B) {
	var secrets []string
	var inherited []string
	for i := range 10_000 {
		secrets = append(secrets, fmt.Sprintf("VARIABLE_%05d=value-%05d-xxxxxxxxxxxxxxxxxxxxxxxx", i, i))
	}
	for i := range 50 {
		inherited = append(inherited, fmt.Sprintf("INHERITED_%d=x", i))
	}
	b.ReportAllocs()
	for range b.N {
		env, err := Compose(Sources{Inherited: inherited, Pairs: secrets})
		if err != nil {
			b.Fatal(err)
		}
		if err := systemLimits().check("/bin/true", []string{"true"}, env); err != nil {
			b.Fatal(err)
		}
	}
}
