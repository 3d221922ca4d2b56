//go:build unix

package receipt

import "syscall"

// addresses asks the system's routing which of this machine's addresses it would
// use towards a documentation address of each family. A datagram socket that is
// connected and closed sends nothing; listing all interfaces would take longer
// than everything else about a receipt.
func addresses() []string {
	var out []string
	for _, to := range []struct {
		family int
		sock   syscall.Sockaddr
	}{
		{syscall.AF_INET, &syscall.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 1}}},
		{syscall.AF_INET6, &syscall.SockaddrInet6{Port: 9, Addr: [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}}},
	} {
		if a, ok := sourceAddress(to.family, to.sock); ok {
			out = append(out, a)
		}
	}
	return out
}

func sourceAddress(family int, to syscall.Sockaddr) (string, bool) {
	fd, err := syscall.Socket(family, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return "", false
	}
	defer syscall.Close(fd)
	syscall.CloseOnExec(fd)
	if syscall.Connect(fd, to) != nil {
		return "", false
	}
	own, err := syscall.Getsockname(fd)
	if err != nil {
		return "", false
	}
	switch a := own.(type) {
	case *syscall.SockaddrInet4:
		return text4(a.Addr), true
	case *syscall.SockaddrInet6:
		return text6(a.Addr), true
	}
	return "", false
}
