package repo

import "sync"

// cacheBytes bounds one generation of the cache.
const cacheBytes = 8 << 20

// cache keeps objects that were built from deltas. It forgets by halves:
// when the young generation is full it becomes the old one.
type cache struct {
	mu         sync.Mutex
	young, old map[cacheKey]cached
	size       int
}

type cacheKey struct {
	pack *pack
	off  int64
}

type cached struct {
	kind kind
	data []byte
}

func (c *cache) get(p *pack, off int64) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := cacheKey{p, off}
	v, ok := c.young[key]
	if ok {
		return v, true
	}
	if v, ok = c.old[key]; ok {
		c.add(key, v)
	}
	return v, ok
}

func (c *cache) put(p *pack, off int64, k kind, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(cacheKey{p, off}, cached{kind: k, data: data})
}

func (c *cache) add(key cacheKey, v cached) {
	if c.young == nil || c.size+len(v.data) > cacheBytes {
		c.old, c.young, c.size = c.young, map[cacheKey]cached{}, 0
	}
	c.young[key] = v
	c.size += len(v.data)
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old, c.size = nil, nil, 0
}
