package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// closedDoor is an address on loopback that drops every attempt to connect, as a network
// that is down does: a listener whose queue is full.
func closedDoor() (url string, end func() error, err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	open := []func() error{func() error { return syscall.Close(fd) }}
	end = func() error {
		var errs []error
		for _, f := range open {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	err = errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0))
	name, nameErr := syscall.Getsockname(fd)
	at, ok := name.(*syscall.SockaddrInet4)
	if err = errors.Join(err, nameErr); err != nil || !ok {
		return "", nil, errors.Join(err, end())
	}
	address := fmt.Sprintf("127.0.0.1:%d", at.Port)
	for range 16 { // until the queue is full
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return "http://" + address, end, nil
		}
		open = append(open, c.Close)
	}
	return "", nil, errors.Join(errors.New("the queue of a listener doesn't fill"), end())
}
