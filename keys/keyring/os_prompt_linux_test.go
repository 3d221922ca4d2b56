package keyring_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	oskeyring "github.com/zalando/go-keyring"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/keyring"
)

func userID() string { return strconv.Itoa(os.Getuid()) }

const promptPath = dbus.ObjectPath("/org/freedesktop/secrets/prompt/p1")

// desktop is a Secret Service of our own on a private bus: it is locked, and asks
// its user on a screen that only the test sees. It keeps one item.
type desktop struct {
	bus      *dbus.Conn
	props    *prop.Properties
	prompted chan struct{}

	mu      sync.Mutex
	item    []byte
	deleted chan struct{}
}

func newDesktop(t *testing.T, address string) *desktop {
	t.Helper()
	c, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	d := &desktop{bus: c, prompted: make(chan struct{}, 10), deleted: make(chan struct{}, 10)}
	login := dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	exports := []struct {
		v    any
		path dbus.ObjectPath
		face string
	}{
		{service{d}, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service"},
		{collection{d}, login, "org.freedesktop.Secret.Collection"},
		{collectionItem{d}, login + "/1", "org.freedesktop.Secret.Item"},
		{secretSession{}, "/org/freedesktop/secrets/session/s1", "org.freedesktop.Secret.Session"},
		{prompt{d}, promptPath, "org.freedesktop.Secret.Prompt"},
	}
	for _, e := range exports {
		if err := c.Export(e.v, e.path, e.face); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := prop.Export(c, "/org/freedesktop/secrets", prop.Map{"org.freedesktop.Secret.Service": {
		"Collections": {Value: []dbus.ObjectPath{login}, Emit: prop.EmitFalse}}}); err != nil {
		t.Fatal(err)
	}
	if d.props, err = prop.Export(c, login, prop.Map{"org.freedesktop.Secret.Collection": {
		"Locked": {Value: true, Emit: prop.EmitFalse}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RequestName("org.freedesktop.secrets", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return d
}

// answer is the user who gives the password.
func (d *desktop) answer(t *testing.T) {
	t.Helper()
	d.props.SetMust("org.freedesktop.Secret.Collection", "Locked", false)
	unlocked := []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"}
	if err := d.bus.Emit(promptPath, "org.freedesktop.Secret.Prompt.Completed", false, dbus.MakeVariant(unlocked)); err != nil {
		t.Error(err)
	}
}

func (d *desktop) locked() bool {
	return d.props.GetMust("org.freedesktop.Secret.Collection", "Locked").(bool)
}

func (d *desktop) kept() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return string(d.item)
}

type (
	service        struct{ d *desktop }
	collection     struct{ d *desktop }
	collectionItem struct{ d *desktop }
	prompt         struct{ d *desktop }
	secretSession  struct{}
	wireSecret     struct {
		Session           dbus.ObjectPath
		Parameters, Value []byte
		ContentType       string
	}
)

// OpenSession is of the interface org.freedesktop.Secret.Service.
func (service) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), "/org/freedesktop/secrets/session/s1", nil
}

// Unlock is of the same: it wants a prompt while locked.
func (s service) Unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if s.d.locked() {
		return []dbus.ObjectPath{}, promptPath, nil
	}
	return paths, "/", nil
}

// SearchItems is of org.freedesktop.Secret.Collection.
func (c collection) SearchItems(map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	if c.d.kept() == "" {
		return []dbus.ObjectPath{}, nil
	}
	return []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login/1"}, nil
}

// CreateItem is of the same.
func (c collection) CreateItem(_ map[string]dbus.Variant, s wireSecret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.d.item = s.Value
	return "/org/freedesktop/secrets/collection/login/1", "/", nil
}

// GetSecret is of org.freedesktop.Secret.Item.
func (i collectionItem) GetSecret(session dbus.ObjectPath) (wireSecret, *dbus.Error) {
	return wireSecret{Session: session, Parameters: []byte{}, Value: []byte(i.d.kept()), ContentType: "text/plain"}, nil
}

// Delete is of the same.
func (i collectionItem) Delete() (dbus.ObjectPath, *dbus.Error) {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	i.d.item = nil
	i.d.deleted <- struct{}{}
	return "/", nil
}

// Prompt is of org.freedesktop.Secret.Prompt: it appears and stays.
func (p prompt) Prompt(string) *dbus.Error {
	p.d.prompted <- struct{}{}
	return nil
}

// Close is of org.freedesktop.Secret.Session.
func (secretSession) Close() *dbus.Error { return nil }

func TestOSPromptThatNobodyAnswersEnds(t *testing.T) {
	address := bus(t)
	newDesktop(t, address)
	tell(t, "prompt", busEnv(address))
}

func storyPrompt(t *testing.T) {
	s := keyring.Patient(keyring.OS{Getenv: os.Getenv, Deadline: 300 * time.Millisecond})
	ctx := context.Background()
	_, err := s.Load(ctx, "work")
	for what, err := range map[string]error{"load": err, "save": s.Save(ctx, "work", keys.NewSeed()), "delete": s.Delete(ctx, "work")} {
		if !errors.Is(err, keyring.ErrLocked) || !strings.Contains(err.Error(), "nobody unlocked it within 300ms") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The seed went elsewhere when the deadline passed; the user answers the prompt
// after that. No second copy may stay in the keyring.
func TestOSPromptAnsweredLateLeavesNoSecondCopy(t *testing.T) { tell(t, "late", busEnv(bus(t))) }

func storyLate(t *testing.T) {
	d := newDesktop(t, os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	s := keyring.Patient(keyring.OS{Getenv: os.Getenv, Deadline: 300 * time.Millisecond})
	if err := s.Save(context.Background(), "work", keys.NewSeed()); !errors.Is(err, keyring.ErrLocked) {
		t.Fatal(err)
	}
	select {
	case <-d.prompted:
	case <-time.After(time.Minute):
		t.Fatal("no prompt")
	}
	d.answer(t)
	select {
	case <-d.deleted:
	case <-time.After(time.Minute):
		t.Fatal("the late copy was not deleted")
	}
	if kept := d.kept(); kept != "" {
		t.Error("a copy stayed")
	}
}

func TestOSTooLargeSaysSo(t *testing.T) { storyLarge(t) }

// The limits of macOS and Windows are far above what a seed needs; their error
// has its meaning all the same.
func storyLarge(t *testing.T) {
	if err := keyring.Classify(keyring.OS{}, oskeyring.ErrSetDataTooBig); !errors.Is(err, keyring.ErrTooLarge) {
		t.Error(err)
	}
	if err := keyring.Classify(keyring.OS{}, oskeyring.ErrUnsupportedPlatform); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	if n := keys.FormatToken(keys.NewSeed()).Len(); n > 2560 || n*4/3+200 > 4096 {
		t.Errorf("a seed is kept in %d bytes", n)
	}
}
