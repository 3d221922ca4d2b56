package audit

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/secr/secr/audit/receipt"
)

// chains checks what batches say in clear about how they follow each other: for
// each device its receipts are one chain, by number and hash. A device whose state
// was lost starts again at 1, and a token that runs in many jobs does so in each of
// them; what the end of a chain was is nobody's to know.
func chains(posted []Posted) []Finding {
	var out []Finding
	for _, device := range byDevice(posted) {
		out = append(out, chainsOf(device)...)
	}
	return out
}

// byDevice is the batches by device, in the order in which devices first come.
func byDevice(posted []Posted) [][]Posted {
	at := map[string]int{}
	var out [][]Posted
	for _, p := range posted {
		i, ok := at[p.Author.Device]
		if !ok {
			i = len(out)
			at[p.Author.Device] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], p)
	}
	return out
}

// chainsOf checks the batches of one device.
func chainsOf(posted []Posted) []Finding {
	ends := map[receipt.Link]bool{}
	for _, p := range posted {
		ends[p.end()] = true
	}
	var out []Finding
	next := map[receipt.Link]Posted{} // what follows each place
	for _, p := range posted {
		start := p.start()
		other, taken := next[start]
		switch {
		case taken && other.end() == p.end():
			continue // the same receipts, published twice
		case taken && start.Number == 0:
			if p.Kind != "token" {
				out = append(out, p.note(other))
			}
			continue
		case taken:
			out = append(out, p.fork(other))
			continue
		}
		next[start] = p
		if start.Number > 0 && !ends[start] {
			out = append(out, p.loose(posted))
		}
	}
	return out
}

func (p Posted) start() receipt.Link { return receipt.Link{Number: p.First - 1, Sum: p.Previous} }
func (p Posted) end() receipt.Link   { return receipt.Link{Number: p.Last, Sum: p.Sum} }

func (p Posted) finding(class Class, format string, args ...any) Finding {
	return Finding{
		Class: class, What: fmt.Sprintf(format, args...), Commit: p.ID, Device: p.Author.Device, Handle: p.Handle,
		Proof: []string{"git cat-file -p " + p.ID.String()},
	}
}

// note tells of a second chain of one machine.
func (p Posted) note(other Posted) Finding {
	f := p.finding(Gap, "its receipts start again at 1: the folder of the state was lost or the seed is used on another machine; what was not published before is gone")
	f.Note = true
	f.Proof = append(f.Proof, "git cat-file -p "+other.ID.String())
	return f
}

// fork tells of two batches that follow one receipt.
func (p Posted) fork(other Posted) Finding {
	f := p.finding(Fork, "two different receipts have the number %d: the log was put back, or is kept on two machines", p.First)
	f.Proof = append(f.Proof, "git cat-file -p "+other.ID.String())
	return f
}

// loose tells of a batch that follows a receipt which nobody published.
func (p Posted) loose(all []Posted) Finding {
	covered := slices.ContainsFunc(all, func(o Posted) bool { return o.ID != p.ID && o.First < p.First && p.First <= o.Last+1 })
	if covered {
		return p.finding(Fork, "receipt %d follows another receipt %d than the one published", p.First, p.First-1)
	}
	before := uint64(0)
	for _, o := range all {
		if o.Last < p.First {
			before = max(before, o.Last)
		}
	}
	f := p.finding(Gap, "receipts %d to %d are missing", before+1, p.First-1)
	f.Proof = append(f.Proof, "receipt "+fmt.Sprint(p.First-1)+" has the hash "+hex.EncodeToString(p.Previous[:]))
	return f
}

// before is what an entry says that it follows.
func before(e receipt.Entry) receipt.Link {
	at := receipt.Link{Number: e.Number - 1}
	if b, err := hex.DecodeString(e.Previous); err == nil {
		copy(at.Sum[:], b)
	}
	return at
}
