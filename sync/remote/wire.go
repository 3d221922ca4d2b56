package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/secr/secr/vault/repo"
)

// The packet lines of Git's protocol: four hexadecimal digits with the length of all,
// then the data. Lengths below four are marks without data.

// maxPacket is the longest packet that the protocol has.
const maxPacket = 65520

// errFlush marks the end of a list of packets.
var errFlush = errors.New("flush packet")

// errRemote is the cause of failures that the host reports inside the protocol.
var errRemote = errors.New("the host reports an error")

// packets reads packet lines.
type packets struct {
	r   *bufio.Reader
	buf [maxPacket]byte
}

func newPackets(r io.Reader) *packets { return &packets{r: bufio.NewReaderSize(r, 1<<16)} }

// next returns the data of the next packet, which is valid until the call after this
// one. It fails with errFlush at a flush packet, and with io.EOF at the end.
func (p *packets) next() ([]byte, error) {
	if _, err := io.ReadFull(p.r, p.buf[:4]); err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(string(p.buf[:4]), 16, 16)
	switch {
	case err != nil || n > maxPacket || n == 3:
		return nil, fmt.Errorf("%q is not the length of a packet", Clean(string(p.buf[:4])))
	case n < 4:
		return nil, errFlush
	}
	data := p.buf[:n-4]
	if _, err := io.ReadFull(p.r, data); err != nil {
		return nil, noEOF(err)
	}
	if text, ok := strings.CutPrefix(string(data[:min(len(data), 4)]), "ERR "); ok && text == "" {
		return nil, fmt.Errorf("%w: %s", errRemote, CleanLines(string(data[4:])))
	}
	return data, nil
}

// line is next without the newline that most packets of text end in.
func (p *packets) line() (string, error) {
	data, err := p.next()
	return strings.TrimSuffix(string(data), "\n"), err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// packet spells one packet line.
func packet(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	return fmt.Sprintf("%04x%s", len(text)+4, text)
}

const flushPacket = "0000"

// advertisement is what a host says first: its refs and what it can do.
type advertisement struct {
	refs         map[string]Hash // those that were asked for
	capabilities map[string]bool
	shallow      bool
}

// readAdvertisement reads refs until the flush packet, keeps those that are wanted, and
// gives up when there are more than limit.
func readAdvertisement(p *packets, wanted func(string) bool, limit int) (advertisement, error) {
	a := advertisement{refs: map[string]Hash{}}
	for count := 0; ; count++ {
		text, err := p.line()
		if errors.Is(err, errFlush) {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		if count > limit {
			return a, fmt.Errorf("%w: more than %d refs", errSize, limit)
		}
		if a.capabilities == nil {
			if text == "version 1" {
				continue
			}
			refs, capabilities, _ := strings.Cut(text, "\x00")
			text, a.capabilities = refs, map[string]bool{}
			for name := range strings.FieldsSeq(capabilities) {
				a.capabilities[name] = true
			}
		}
		if err := a.add(text, wanted); err != nil {
			return a, err
		}
	}
}

func (a *advertisement) add(text string, wanted func(string) bool) error {
	if strings.HasPrefix(text, "shallow ") {
		a.shallow = true
		return nil
	}
	id, name, ok := strings.Cut(text, " ")
	h, err := repo.ParseHash(id)
	if !ok || err != nil {
		return fmt.Errorf("%q is not a ref", Clean(text))
	}
	if wanted(name) && checkRef(name) == nil {
		a.refs[name] = h
	}
	return nil
}

// usable says why this host's answer can't be worked with, if it can't.
func (a *advertisement) usable() error {
	for name := range a.capabilities {
		if format, ok := strings.CutPrefix(name, "object-format="); ok && format != "sha1" {
			return fmt.Errorf("the repository uses %s for its ids", Clean(format))
		}
	}
	return nil
}

// pick returns those of our capabilities that the host has, and our name.
func (a *advertisement) pick(ours ...string) string {
	out := ""
	for _, name := range ours {
		if a.capabilities[name] {
			out += " " + name
		}
	}
	return out + " agent=secr"
}

// sideband reads the data of a host that mixes it with progress and errors.
type sideband struct {
	p        *packets
	progress func(string)
	said     *transcript
	rest     []byte
}

func newSideband(p *packets, progress func(string)) *sideband {
	return &sideband{p: p, progress: progress, said: &transcript{progress: func(line string) { progress("remote: " + line) }}}
}

// first hands the sideband a packet that was read already.
func (s *sideband) first(data []byte) error {
	if len(data) == 0 {
		return errors.New("an empty packet among the data")
	}
	switch data[0] {
	case 1:
		s.rest = append([]byte(nil), data[1:]...)
		return nil
	case 2:
		s.said.Write(data[1:])
		return nil
	case 3:
		return fmt.Errorf("%w: %s", errRemote, CleanLines(string(data[1:])))
	}
	return fmt.Errorf("band %d is not one of Git's", data[0])
}

func (s *sideband) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		data, err := s.p.next()
		if errors.Is(err, errFlush) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, noEOF(err)
		}
		if err := s.first(data); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
