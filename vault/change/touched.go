package change

import "crypto/sha256"

// A Blob is the content of one file.
type Blob struct {
	Hash [20]byte // its git id
	Data []byte
}

// NewBlob is the blob with this content. It keeps data.
func NewBlob(data []byte) *Blob { return &Blob{Hash: BlobID(data), Data: data} }

// A Touched path is one whose file a change adds, replaces or deletes. What was there
// before is the parent state's to know.
type Touched struct {
	Path string
	New  *Blob // nil when the change deletes the file
}

// SumOf is what Secr-Changes covers of t.
func (t Touched) SumOf() Sum {
	if t.New == nil {
		return Sum{Path: t.Path, Deleted: true}
	}
	return Sum{Path: t.Path, Sum: sha256.Sum256(t.New.Data)}
}
