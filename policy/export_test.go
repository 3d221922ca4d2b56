package policy

// EncodeDraft returns the files that a draft has changed, valid or not.
func EncodeDraft(draft *Policy) (map[string][]byte, error) {
	out := map[string][]byte{}
	for path := range draft.edits {
		data, err := draft.encode(path)
		if err != nil {
			return nil, err
		}
		out[path] = data
	}
	return out, nil
}
