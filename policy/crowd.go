package policy

import (
	"iter"
	"maps"
	"slices"
)

// crowd is the members of a policy, to be found by id, handle, device and key. Whoever
// has not changed for a while is in a roster that policies share, so that one member
// more costs a team of thousands what it costs a team of five.
type crowd struct {
	roster *roster                 // nil is nobody
	since  map[string]*memberEntry // who changed since, by id; nil for who is gone
	own    index                   // of who is in since
	count  int
}

// manySince is how many members may have changed before a new roster is made.
const manySince = 64

// index finds a member's id.
type index struct {
	handles map[string]string
	devices map[string]string
	used    map[onceOnly]string // by signing key and recipient of a device
}

func newIndex() index {
	return index{handles: map[string]string{}, devices: map[string]string{}, used: map[onceOnly]string{}}
}

func (x index) clone() index {
	return index{handles: maps.Clone(x.handles), devices: maps.Clone(x.devices), used: maps.Clone(x.used)}
}

func newCrowd() crowd {
	return crowd{since: map[string]*memberEntry{}, own: newIndex()}
}

func (c *crowd) clone() crowd {
	return crowd{roster: c.roster, since: maps.Clone(c.since), own: c.own.clone(), count: c.count}
}

// get is a member by id; nil for none.
func (c *crowd) get(id string) *memberEntry {
	if m, changed := c.since[id]; changed {
		return m
	}
	return c.roster.get(id)
}

// all goes over the members, in no order.
func (c *crowd) all(yield func(string, *memberEntry) bool) {
	for _, m := range c.roster.everybody() {
		if _, changed := c.since[m.brief.id]; !changed && !yield(m.brief.id, m) {
			return
		}
	}
	for id, m := range c.since {
		if m != nil && !yield(id, m) {
			return
		}
	}
}

// byHandle, byDevice and user find a member's id; "" for none.
func (c *crowd) byHandle(handle string) string {
	if id, ok := c.own.handles[handle]; ok {
		return id
	}
	return c.steady(c.roster.byHandle(handle))
}

func (c *crowd) byDevice(device string) string {
	if id, ok := c.own.devices[device]; ok {
		return id
	}
	return c.steady(c.roster.byDevice(device))
}

// user is who has a key that may occur once.
func (c *crowd) user(key onceOnly) string {
	if id, ok := c.own.used[key]; ok {
		return id
	}
	return c.steady(c.roster.user(key))
}

// steady is what the roster says of somebody who has not changed since.
func (c *crowd) steady(id string) string {
	if _, changed := c.since[id]; changed {
		return ""
	}
	return id
}

// put takes a member in, in place of the one of that id. Who else has the handle or a
// key is for the caller to look at.
func (c *crowd) put(m *memberEntry) {
	id := m.brief.id
	c.drop(id)
	c.count++
	c.since[id] = m
	c.own.handles[m.brief.handle] = id
	for _, d := range m.brief.devices {
		c.own.devices[d.id] = id
		c.own.used[onceOnly{'s', d.sign}] = id
		c.own.used[onceOnly{'r', d.sum}] = id
	}
}

// drop takes a member out, with all that finds him.
func (c *crowd) drop(id string) {
	m := c.get(id)
	if m == nil {
		return
	}
	c.count--
	if was := c.since[id]; was != nil {
		c.own.drop(&was.brief)
	}
	c.since[id] = nil
	if c.roster.get(id) == nil {
		delete(c.since, id)
	}
}

func (x index) drop(b *brief) {
	mine := func(m map[string]string, key string) {
		if m[key] == b.id {
			delete(m, key)
		}
	}
	mine(x.handles, b.handle)
	for _, d := range b.devices {
		mine(x.devices, d.id)
		for _, key := range []onceOnly{{'s', d.sign}, {'r', d.sum}} {
			if x.used[key] == b.id {
				delete(x.used, key)
			}
		}
	}
}

// settle makes a new roster if many changed.
func (c *crowd) settle() {
	if len(c.since) <= manySince {
		return
	}
	own := c.own
	next := &roster{members: make([]*memberEntry, 0, c.count), index: &own}
	for _, m := range c.all {
		next.members = append(next.members, m)
	}
	slices.SortFunc(next.members, func(a, b *memberEntry) int { return compare(a.brief.id, b.brief.id) })
	if len(c.roster.everybody()) > 0 {
		all := crowd{since: make(map[string]*memberEntry, c.count), own: newIndex()}
		for _, m := range next.members {
			all.put(m)
		}
		next.index = &all.own
	}
	*c = crowd{roster: next, since: map[string]*memberEntry{}, own: newIndex(), count: c.count}
}

// differing goes over the members that are not the same in two crowds, with both
// entries; nil is none. Crowds of one roster are compared by what is not in it.
func differing(old, new *crowd) iter.Seq2[*memberEntry, *memberEntry] {
	return func(yield func(*memberEntry, *memberEntry) bool) {
		from, to := old.since, new.since
		if old.roster != new.roster {
			from, to = maps.Collect(old.all), maps.Collect(new.all)
		}
		for id := range both(from, to) {
			if was, is := old.get(id), new.get(id); was != is && !yield(was, is) {
				return
			}
		}
	}
}

// roster is many members. It never changes.
type roster struct {
	members []*memberEntry // by id, ascending
	index   *index         // nil for one from a cache, of which few things are asked
}

func (r *roster) everybody() []*memberEntry {
	if r == nil {
		return nil
	}
	return r.members
}

func (r *roster) get(id string) *memberEntry {
	members := r.everybody()
	i, ok := slices.BinarySearchFunc(members, id, func(m *memberEntry, id string) int { return compare(m.brief.id, id) })
	if !ok {
		return nil
	}
	return members[i]
}

func (r *roster) byHandle(handle string) string {
	if r.indexed() {
		return r.index.handles[handle]
	}
	return r.first(func(b *brief) bool { return b.handle == handle })
}

func (r *roster) byDevice(device string) string {
	if r.get(device) != nil { // a member's id is that of the first device
		return device
	}
	if r.indexed() {
		return r.index.devices[device]
	}
	return r.first(func(b *brief) bool {
		return slices.ContainsFunc(b.devices, func(d briefDevice) bool { return d.id == device })
	})
}

func (r *roster) user(key onceOnly) string {
	if r.indexed() {
		return r.index.used[key]
	}
	return r.first(func(b *brief) bool {
		return slices.ContainsFunc(b.devices, func(d briefDevice) bool {
			return key.kind == 's' && d.sign == key.sum || key.kind == 'r' && d.sum == key.sum
		})
	})
}

func (r *roster) indexed() bool { return r != nil && r.index != nil }

// first is the id of a member of whom is holds.
func (r *roster) first(is func(*brief) bool) string {
	for _, m := range r.everybody() {
		if is(&m.brief) {
			return m.brief.id
		}
	}
	return ""
}
