package repo

import (
	"context"
	"slices"
)

// merger writes one pack out of several packs and loose objects. What is
// stored as a delta stays one if its base comes along; trees and commits that
// are stored whole become deltas of those before them in their lineage.
type merger struct {
	repo  *Repo
	packs []*pack
	loose []Hash // to be copied
	out   *packWriter

	merged []Hash // loose objects that need their own file no longer

	placed   map[Hash]placed
	lineages lineages
}

// placed is where an object is in the new pack, and how many deltas it is
// away from a whole one.
type placed struct {
	offset int64
	depth  int
}

// source is an object in an old pack.
type source struct {
	hash   Hash
	offset int64
	end    int64
}

func newMerger(r *Repo, packs []*pack, loose []Hash) (*merger, error) {
	m := &merger{repo: r, packs: slices.Clone(packs), loose: loose, placed: map[Hash]placed{}}
	// Oldest first: the order in which trees resemble their predecessors.
	order, err := r.store.relist()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(m.packs, func(a, b *pack) int { return slices.Index(order, b) - slices.Index(order, a) })
	return m, nil
}

// run writes the new pack and returns its path.
func (m *merger) run(ctx context.Context) (string, error) {
	count, sources, err := m.plan()
	if err != nil {
		return "", err
	}
	if m.out, err = newPackWriter(m.repo.disk, m.repo.store.packFolder(), count); err != nil {
		return "", err
	}
	if err := m.copyAll(ctx, sources); err != nil {
		m.out.discard()
		return "", err
	}
	return m.out.finish()
}

// plan lists what each pack gives, each object once, and counts all.
func (m *merger) plan() (int, [][]source, error) {
	seen := map[Hash]bool{}
	var plan [][]source
	for _, p := range m.packs {
		all, err := p.sources()
		if err != nil {
			return 0, nil, err
		}
		plan = append(plan, slices.DeleteFunc(all, func(s source) bool {
			twice := seen[s.hash]
			seen[s.hash] = true
			return twice
		}))
	}
	var copied []Hash
	for _, h := range m.loose {
		// A damaged one stays where it is, for somebody to look at.
		if !seen[h] && !m.whole(h) {
			continue
		}
		if !seen[h] {
			copied = append(copied, h)
		}
		m.merged = append(m.merged, h)
	}
	m.loose = copied
	return len(seen) + len(m.loose), plan, nil
}

func (m *merger) whole(h Hash) bool {
	k, data, err := m.repo.store.readLoose(h, objectLimit)
	return err == nil && m.repo.store.check(h, k, data) == nil
}

// sources lists the objects of a pack by offset: bases by offset come before
// what is built on them.
func (p *pack) sources() ([]source, error) {
	var all []source
	if err := p.objects(func(h Hash, off int64) error {
		all = append(all, source{hash: h, offset: off})
		return nil
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b source) int { return int(a.offset - b.offset) })
	for i := range all {
		all[i].end = p.size - packTrailer
		if i+1 < len(all) {
			all[i].end = all[i+1].offset
		}
		if all[i].end <= all[i].offset {
			return nil, damaged("the index of a pack has two objects in one place")
		}
	}
	return all, nil
}

func (m *merger) copyAll(ctx context.Context, plan [][]source) error {
	for i, sources := range plan {
		names := map[int64]Hash{}
		for _, s := range sources {
			names[s.offset] = s.hash
		}
		for n, s := range sources {
			if n%256 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := m.copyPacked(m.packs[i], s, names); err != nil {
				return &ObjectError{Hash: s.hash, Err: err}
			}
		}
	}
	for _, h := range m.loose {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		k, data, err := m.repo.store.read(h, objectLimit)
		if err != nil {
			return &ObjectError{Hash: h, Err: err}
		}
		if err := m.put(h, k, data); err != nil {
			return err
		}
	}
	return nil
}

// copyPacked copies one object. It is read and checked in any case, so that
// damage is never carried on and the old copy never deleted for a bad one.
func (m *merger) copyPacked(p *pack, s source, names map[int64]Hash) error {
	k, data, err := p.read(s.offset, objectLimit)
	if err != nil {
		return err
	}
	if err := m.repo.store.check(s.hash, k, data); err != nil {
		return err
	}
	e, i, err := p.start(s.offset)
	if err != nil {
		return err
	}
	p.store.inflaters.put(i)
	if e.kind.plain() {
		return m.put(s.hash, k, data)
	}
	ref := e.ref
	if e.kind == kindOffsetDelta {
		ref = names[e.base]
	}
	base, ok := m.placed[ref]
	if !ok || base.depth >= mergeDepth {
		return m.put(s.hash, k, data)
	}
	e, delta, err := p.storedRaw(s.offset)
	if err != nil {
		return err
	}
	m.lineages.add(k, version{m.next(base.depth + 1), data})
	return m.putDelta(s.hash, base, delta, e.size)
}

// next is where the next object will be.
func (m *merger) next(depth int) placed { return placed{offset: m.out.offset, depth: depth} }

// storedRaw reads what is stored at off without the cache.
func (p *pack) storedRaw(off int64) (packEntry, []byte, error) {
	e, i, err := p.start(off)
	if err != nil {
		return e, nil, err
	}
	defer p.store.inflaters.put(i)
	if e.size > objectLimit {
		return e, nil, tooLarge("%d bytes", e.size)
	}
	data, err := i.inflate(e.size)
	return e, data, err
}

// put writes an object, as a delta if one before it is alike.
func (m *merger) put(h Hash, k kind, data []byte) error {
	base, ok := m.lineages.base(k, data)
	if ok {
		if delta := makeDelta(base.data, data); len(delta) < len(data)/2 {
			m.lineages.add(k, version{m.next(base.depth + 1), data})
			return m.putDelta(h, base.placed, delta, len(delta))
		}
	}
	m.placed[h] = m.next(0)
	m.lineages.add(k, version{m.placed[h], data})
	return m.out.add(h, k, data)
}

// putDelta writes an object as a delta of another in the new pack.
func (m *merger) putDelta(h Hash, base placed, delta []byte, size int) error {
	m.placed[h] = m.next(base.depth + 1)
	entry := entryHeader(nil, kindOffsetDelta, size)
	entry = append(entry, backBytes(m.out.offset-base.offset)...)
	entry, err := m.out.deflate.deflate(entry, kindOffsetDelta, delta)
	if err != nil {
		return err
	}
	return m.out.addRaw(h, entry)
}

// backBytes is a distance as a pack has it; readBack reads it.
func backBytes(n int64) []byte {
	out := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		out = append(out, byte(n&0x7f)|0x80)
	}
	slices.Reverse(out)
	return out
}
