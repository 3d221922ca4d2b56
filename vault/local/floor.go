package local

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

const (
	floorMagic = "secr/1 floors"
	floorCount = 64
	floorLimit = 16 << 10
)

// Floor is a change that any later head must descend from.
type Floor struct {
	Seq uint64
	Sum [32]byte // SHA-256 of the raw commit
}

// ParseFloor reads "<seq>:<64 hex digits>", as secr.toml has it.
func ParseFloor(s string) (Floor, error) {
	var f Floor
	seq, sum, ok := strings.Cut(s, ":")
	if !ok {
		return f, fmt.Errorf("%q is not a floor: <number>:<64 hex digits>", cut(s))
	}
	n, err := parseNumber(seq)
	if err != nil {
		return f, err
	}
	f.Seq = n
	return f, parseHex(f.Sum[:], sum)
}

// String is the spelling that ParseFloor reads.
func (f Floor) String() string { return fmt.Sprintf("%d:%x", f.Seq, f.Sum) }

// Floors reads the floors that this machine has been told, lowest first.
func (v Vault) Floors() ([]Floor, error) {
	path := v.floorPath()
	text, err := ReadText(path, floorLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	floors, err := parseFloors(text)
	if err != nil {
		return nil, damaged(path, "%v", err)
	}
	return floors, nil
}

// ErrFloors means that two floors contradict each other: one number, two
// changes. At least one of them was told by somebody who lies, or is of a fork.
var ErrFloors = errors.New("two floors name different changes of the same number")

// AddFloor remembers a floor durably. It fails with ErrFloors if another
// change of that number is a floor already. Only the highest floors are kept
// when there are many. The caller holds the vault's lock.
func (v Vault) AddFloor(f Floor) error {
	floors, err := v.Floors()
	if err != nil {
		return err
	}
	at, found := slices.BinarySearchFunc(floors, f, func(a, b Floor) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return 0
	})
	if found {
		if floors[at] != f {
			return fmt.Errorf("%w: %s and %s", ErrFloors, floors[at], f)
		}
		return nil
	}
	floors = slices.Insert(floors, at, f)
	if len(floors) > floorCount {
		floors = floors[len(floors)-floorCount:]
	}
	return WriteFile(v.floorPath(), []byte(formatFloors(floors)))
}

// WholeFloors reads what is whole in a damaged file of floors: its lines, each once.
func (v Vault) WholeFloors() ([]Floor, error) {
	data, err := ReadFile(v.floorPath(), floorLimit)
	if err != nil {
		return nil, err
	}
	var out []Floor
	for line := range strings.Lines(string(data)) {
		line, whole := strings.CutSuffix(line, "\n")
		if f, err := ParseFloor(line); whole && err == nil && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out, nil
}

// SetFloors replaces a damaged file of floors durably, by floors of different numbers. The
// caller holds the vault's lock.
func (v Vault) SetFloors(floors []Floor) error {
	floors = slices.Clone(floors)
	slices.SortFunc(floors, func(a, b Floor) int { return cmp.Compare(a.Seq, b.Seq) })
	text := formatFloors(floors[max(0, len(floors)-floorCount):])
	if _, err := parseFloors(text); err != nil {
		return err
	}
	return WriteFile(v.floorPath(), []byte(text))
}

func formatFloors(floors []Floor) string {
	text := floorMagic + "\n"
	for _, f := range floors {
		text += f.String() + "\n"
	}
	return text
}

func (v Vault) floorPath() string { return filepath.Join(v.State(), "floors") }

func parseFloors(text string) ([]Floor, error) {
	rest, ok := strings.CutPrefix(text, floorMagic+"\n")
	if !ok || rest != "" && !strings.HasSuffix(rest, "\n") {
		return nil, fmt.Errorf("it is not %q and lines", floorMagic)
	}
	var floors []Floor
	for line := range strings.Lines(rest) {
		f, err := ParseFloor(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		if len(floors) > 0 && floors[len(floors)-1].Seq >= f.Seq {
			return nil, fmt.Errorf("the floors are not in order")
		}
		floors = append(floors, f)
	}
	if len(floors) > floorCount {
		return nil, fmt.Errorf("it has more than %d floors", floorCount)
	}
	return floors, nil
}
