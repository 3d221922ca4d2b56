//go:build linux || ((dragonfly || freebsd) && cgo) || netbsd || openbsd

package keyring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	secretService = "org.freedesktop.secrets"
	loginPath     = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	defaultPath   = dbus.ObjectPath("/org/freedesktop/secrets/aliases/default")

	// probeDeadline bounds the one question that is asked after a failure: so an
	// operation ends at the latest half a second after its own deadline.
	probeDeadline = 500 * time.Millisecond
)

// reachable says whether there is a session bus to be found. Without one the
// library would start a bus of its own, with nothing on it and nobody to end it.
func (o OS) reachable() error {
	if o.Getenv != nil {
		if address := o.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && !strings.HasPrefix(address, "autolaunch:") {
			return nil
		}
	}
	folder := filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: this session has no D-Bus", ErrUnavailable)
}

// late says what an operation without an answer means.
func (o OS) late(deadline time.Duration) error {
	if o.ask() == stateLocked {
		return fmt.Errorf("%w: nobody unlocked it within %v", ErrLocked, deadline)
	}
	return fmt.Errorf("%w: no answer within %v", ErrUnavailable, deadline)
}

func (o OS) classifyHere(err error) error {
	var said dbus.Error
	var network net.Error
	switch {
	case errors.As(err, &said):
		return classifySaid(said)
	case errors.As(err, &network), errors.Is(err, dbus.ErrClosed), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: the session bus can't be reached: %w", ErrUnavailable, err)
	}
	switch o.ask() {
	case stateLocked:
		return fmt.Errorf("%w, and nobody unlocked it", ErrLocked)
	case stateMissing:
		return fmt.Errorf("%w: it has no collection yet", ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func classifySaid(said dbus.Error) error {
	switch said.Name {
	case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner":
		return fmt.Errorf("%w: no program on the session bus keeps secrets", ErrUnavailable)
	case "org.freedesktop.Secret.Error.IsLocked":
		return ErrLocked
	case "org.freedesktop.Secret.Error.NoSuchObject", "org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod":
		return fmt.Errorf("%w: it has no collection yet", ErrUnavailable)
	}
	if strings.HasPrefix(said.Name, "org.freedesktop.DBus.Error.Spawn.") {
		return fmt.Errorf("%w: the program that keeps secrets does not start", ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, said)
}

// state is what the collection that would be used is in.
type state int

const (
	stateUnknown state = iota
	stateMissing
	stateLocked
	stateOpen
)

// ask asks for the state. It prompts for nothing and starts nothing.
func (o OS) ask() state {
	deadline := o.probe
	if deadline == 0 {
		deadline = probeDeadline
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	answer := make(chan state, 1)
	go func() { answer <- askBus(ctx) }()
	select {
	case is := <-answer:
		return is
	case <-ctx.Done():
		return stateUnknown
	}
}

func askBus(ctx context.Context) state {
	bus, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return stateUnknown
	}
	defer bus.Close()
	if bus.Auth(nil) != nil || bus.Hello() != nil {
		return stateUnknown
	}
	for _, path := range []dbus.ObjectPath{loginPath, defaultPath} {
		var v dbus.Variant
		call := bus.Object(secretService, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get",
			dbus.FlagNoAutoStart, "org.freedesktop.Secret.Collection", "Locked")
		if call.Store(&v) != nil {
			continue
		}
		if is, ok := v.Value().(bool); ok && is {
			return stateLocked
		}
		return stateOpen
	}
	if ctx.Err() != nil {
		return stateUnknown
	}
	return stateMissing
}
