//go:build !linux

package main

import "errors"

// closedDoor is an address that drops every attempt to connect; only Linux has one here.
func closedDoor() (url string, end func() error, err error) {
	return "", nil, errors.ErrUnsupported
}
