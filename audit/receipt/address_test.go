package receipt

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestAddressesAreSpelledAsEverywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var a [16]byte
		for i := range a {
			if random.IntN(4) == 0 {
				a[i] = byte(random.Uint32())
			}
		}
		if netip.AddrFrom16(a).Is4In6() {
			continue // has a spelling of its own, and is no interface's address
		}
		if want := netip.AddrFrom16(a).String(); text6(a) != want {
			t.Fatalf("%x is %s, want %s", a, text6(a), want)
		}
		four := [4]byte(a[:4])
		if want := netip.AddrFrom4(four).String(); text4(four) != want {
			t.Fatalf("%x is %s, want %s", four, text4(four), want)
		}
	}
}
