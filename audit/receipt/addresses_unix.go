//go:build unix

package receipt

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// addresses asks the system's routing which of this machine's addresses it would
// use towards a documentation address of each family. A datagram socket that is
// connected and closed sends nothing; listing all interfaces would take longer
// than everything else about a receipt.
func addresses() []string {
	var out []string
	for _, to := range []struct {
		family int
		sock   unix.Sockaddr
	}{
		{unix.AF_INET, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 1}}},
		{unix.AF_INET6, &unix.SockaddrInet6{Port: 9, Addr: [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}}},
	} {
		if a, ok := sourceAddress(to.family, to.sock); ok {
			out = append(out, a.String())
		}
	}
	return out
}

func sourceAddress(family int, to unix.Sockaddr) (netip.Addr, bool) {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
	if err != nil {
		return netip.Addr{}, false
	}
	defer unix.Close(fd)
	unix.CloseOnExec(fd)
	if unix.Connect(fd, to) != nil {
		return netip.Addr{}, false
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		return netip.Addr{}, false
	}
	switch a := own.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr), true
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr), true
	}
	return netip.Addr{}, false
}
