package repo

// Foreign reads the objects of any repository on this machine, raw. It makes no
// demand on who owns the folder and on what the objects say, writes nothing and
// trusts nothing: hashes are checked, sizes limited. A transport to a folder
// reads with it; nothing of the vault does.
type Foreign struct{ store *store }

// OpenForeign reads from a repository's folder of objects, which is usually
// called "objects".
func OpenForeign(objects string) *Foreign { return &Foreign{newStore(objects)} }

// Object reads an object: "commit", "tree", "blob" or "tag", and its content.
func (f *Foreign) Object(h Hash) (kind string, data []byte, err error) {
	k, data, err := f.store.read(h, objectLimit)
	if err != nil {
		return "", nil, &ObjectError{Hash: h, Err: err}
	}
	return k.String(), data, nil
}

// Has reports whether there is such an object.
func (f *Foreign) Has(h Hash) (bool, error) { return f.store.has(h) }

// Close closes all files. Reading opens them again.
func (f *Foreign) Close() { f.store.close() }
