// Package ring is a generic ring buffer in a replaced module.
package ring

// Ring is a ring of T.
type Ring[T any] struct {
	slots []*T
	next  int
}

// New makes a ring of n slots.
//
//go:noinline
func New[T any](n int) *Ring[T] { return &Ring[T]{slots: make([]*T, n)} }

// Push allocates a T.
//
//go:noinline
func (r *Ring[T]) Push(v T) {
	p := new(T)
	*p = v
	r.slots[r.next%len(r.slots)] = p
	r.next++
}
