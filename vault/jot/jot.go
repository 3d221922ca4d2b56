// Package jot reads and writes small JSON objects whose fields are told by a table
// of names and pointers, without reflection. Every `secr run` reads some; package
// encoding/json takes longer there to get to know the types than to read the text.
//
//	type point struct{ X, Y uint64 }
//
//	func (p *point) fields() jot.Fields { return jot.Fields{{"x", &p.X}, {"y", &p.Y}} }
//
//	text := jot.Append(nil, p.fields(), jot.Compact)
//	err := jot.Read(string(text), p.fields())
//
// What is written is what encoding/json writes, without HTML escaping. Reading takes any
// spacing and order and lets fields be missing. It refuses unknown and repeated fields,
// null, text that is not UTF-8, halves of surrogate pairs, numbers that are no integers
// of the field's range, and anything behind the object. The caller bounds the length.
package jot

import "errors"

// ErrMalformed is what Read ends in, with the byte where it did.
var ErrMalformed = errors.New("not JSON of the form asked for")

// Fields are an object's fields, in the order in which they are written.
type Fields []Field

// Field is one of them. Value is a *string, *bool, *int64, *uint64 or *[]string, or
// what [List] returns.
type Field struct {
	Name  string
	Value any
}

// List is a list of objects, for a [Field].
func List[T any](list *[]T, fields func(*T) Fields) any { return objects[T]{list, fields} }

type objects[T any] struct {
	list   *[]T
	fields func(*T) Fields
}

// list is an objects of any type.
type list interface {
	read(r *reader)
	write(w *writer)
}

func (o objects[T]) read(r *reader) {
	*o.list = []T{}
	r.items('[', ']', func() {
		var item T
		r.object(o.fields(&item))
		*o.list = append(*o.list, item)
	})
}

func (o objects[T]) write(w *writer) {
	w.items('[', ']', len(*o.list), func(i int) { w.object(o.fields(&(*o.list)[i])) })
}
