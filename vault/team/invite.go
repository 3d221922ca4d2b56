package team

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
)

const (
	linePrefix    = "secrinv1_"
	inviteSecret  = 16
	lineCheck     = 4
	maxRemote     = 512
	maxLineLength = 2048
)

// ErrLine says that a text is no invite, or one that was not copied whole. It never
// quotes the text.
var ErrLine = errors.New("this is no invite; was the line copied whole?")

// Line is an invite as its one line says it: where the vault is, how far its chain
// had come, and a secret that only the invited has. See docs/spec/join.md.
type Line struct {
	keys.Redacted
	Place
	Floor   chain.Point // a change that any later head descends from
	Expires int64       // Unix seconds
	Handle  string      // what the inviting member calls the invited
	Remote  string      // where the vault is fetched from; may be empty
	Secret  keys.Secret
}

// InviteID is the id of the invite with this secret.
func (l Line) InviteID() string { return inviteID(l.Vault, l.Secret) }

func inviteID(vault string, secret keys.Secret) string {
	return keys.ID("secr/1 invite", []byte(vault), secret.Reveal())
}

// Text is the line to paste. Whoever has it can ask to join in the invited's place.
func (l Line) Text() keys.Secret {
	b := append([]byte(l.Vault), l.Nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, l.Floor.Seq)
	b = append(b, l.Floor.Sum[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Expires))
	b = append(b, l.Secret.Reveal()...)
	b = append(append(b, byte(len(l.Handle))), l.Handle...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(l.Remote))), l.Remote...)
	b = append(b, lineSum(b)...)
	defer clear(b)
	text := make([]byte, len(linePrefix)+lineEncoding().EncodedLen(len(b)))
	copy(text, linePrefix)
	lineEncoding().Encode(text[len(linePrefix):], b)
	defer clear(text)
	return keys.NewSecret(text)
}

func lineEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

func lineSum(b []byte) []byte {
	h := sha256.New()
	h.Write([]byte("secr/1 invite line\n"))
	h.Write(b)
	return h.Sum(nil)[:lineCheck]
}

// ParseLine reads what [Line.Text] wrote, in that one spelling.
func ParseLine(text string) (Line, error) {
	body, ok := strings.CutPrefix(text, linePrefix)
	if !ok || len(text) > maxLineLength {
		return Line{}, ErrLine
	}
	b, err := lineEncoding().DecodeString(body)
	if err != nil {
		return Line{}, ErrLine
	}
	defer clear(b)
	l, ok := lineOf(b)
	if !ok || string(l.Text().Reveal()) != text {
		return Line{}, ErrLine
	}
	if !local.ValidID(l.Vault) || !policy.ValidName(l.Handle) || l.Floor.Seq == 0 || l.Expires < 1 || !plain(l.Remote, maxRemote) {
		return Line{}, ErrLine
	}
	return l, nil
}

func lineOf(b []byte) (l Line, ok bool) {
	take := func(n int) []byte {
		if n > len(b) {
			ok, n = false, len(b)
		}
		part := b[:n]
		b = b[n:]
		return part
	}
	const least = 26 + 32 + 8 + 32 + 8 + inviteSecret + 1 + 2 + lineCheck
	if len(b) < least {
		return Line{}, false
	}
	ok = true
	l.Vault = string(take(26))
	copy(l.Nonce[:], take(32))
	l.Floor.Seq = binary.BigEndian.Uint64(take(8))
	copy(l.Floor.Sum[:], take(32))
	l.Expires = int64(binary.BigEndian.Uint64(take(8)))
	l.Secret = keys.NewSecret(take(inviteSecret))
	l.Handle = string(take(int(take(1)[0])))
	if len(b) < 2 {
		return Line{}, false
	}
	l.Remote = string(take(int(binary.BigEndian.Uint16(take(2)))))
	return l, ok && len(b) == lineCheck
}

// plain says whether s is printable ASCII of at most limit bytes.
func plain(s string, limit int) bool {
	return len(s) <= limit && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// InviteOptions say whom to invite to what.
type InviteOptions struct {
	Handle  string
	Roles   []string
	Expires int64  // Unix seconds
	Remote  string // for the line; may be empty
	Device  bool   // for another device of the member of that handle, and so without roles
}

// Invite makes an invite: a change that keeps its verifier for those who manage,
// and the line for the invited. It is good for one admission, in these roles, or of
// one device.
func Invite(ctx context.Context, v *vault.Vault, o InviteOptions) (Line, error) {
	who, err := v.Identity(ctx)
	if err != nil {
		return Line{}, err
	}
	if o.Device && len(o.Roles) > 0 {
		return Line{}, fmt.Errorf("an invite for a device gives no roles: its member has them")
	}
	if !plain(o.Remote, maxRemote) {
		return Line{}, fmt.Errorf("the remote does not fit into an invite")
	}
	secret := make([]byte, inviteSecret)
	rand.Read(secret) // never fails: it ends the program instead
	l := Line{Place: PlaceOf(v), Expires: o.Expires, Handle: o.Handle, Remote: o.Remote, Secret: keys.NewSecret(secret)}
	clear(secret)
	d := v.Draft()
	d.EditPolicy(putInvite(l, who.Member.ID, o))
	head, err := d.Commit(ctx, "invite "+o.Handle)
	if err != nil {
		return Line{}, err
	}
	l.Floor = head.Point()
	return l, nil
}

func putInvite(l Line, by string, o InviteOptions) Edit {
	return func(p *policy.Policy) error {
		if !policy.ValidName(o.Handle) {
			return about(ErrName, o.Handle)
		}
		if err := o.free(p); err != nil {
			return err
		}
		if err := knownRoles(p, o.Roles); err != nil {
			return err
		}
		var to []wrap.Recipient
		for _, r := range p.ManagingRoles() {
			recipient, err := wrap.ParseRecipient(r.Recipient)
			if err != nil {
				return err
			}
			to = append(to, recipient)
		}
		verifier, err := wrap.SealTo(to, keys.InviteKey(l.Secret).Reveal())
		if err != nil {
			return err
		}
		p.PutInvite(policy.Invite{
			ID: l.InviteID(), Handle: o.Handle, Roles: uniq(o.Roles), Expires: o.Expires, By: by,
			Verifier: hex.EncodeToString(verifier),
		})
		return nil
	}
}

// free checks that the handle is nobody's yet, or that of a member who is to get
// another device.
func (o InviteOptions) free(p *policy.Policy) error {
	if o.Device {
		_, err := member(p, o.Handle)
		return err
	}
	if _, ok := p.MemberByHandle(o.Handle); ok {
		return about(ErrTaken, o.Handle)
	}
	return nil
}

// DropInvite closes an invite, by its id or by the handle that it is for.
func DropInvite(which string) Edit {
	return func(p *policy.Policy) error {
		dropped := false
		for _, i := range p.Invites() {
			if i.ID == which || i.Handle == which {
				p.DropInvite(i.ID)
				dropped = true
			}
		}
		if !dropped {
			return about(ErrNoInvite, which)
		}
		return nil
	}
}

// PlaceOf is the place of an open vault.
func PlaceOf(v *vault.Vault) Place {
	return Place{Vault: v.ID(), Nonce: v.State().Founding().Nonce}
}
