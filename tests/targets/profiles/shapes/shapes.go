// Package shapes allocates in the ways that Go code calls code: plainly, by methods, by interfaces, inlined.
package shapes

// Bytes allocates n bytes.
//
//go:noinline
func Bytes(n int) []byte { return make([]byte, n) }

// Words allocates n words.
//
//go:noinline
func Words(n int) []uint64 { return make([]uint64, n) }

// Outer is inlined together with what it calls.
func Outer(n int) *[64]byte { return middle(n) }

func middle(n int) *[64]byte { return inner(byte(n)) }

func inner(n byte) *[64]byte { return &[64]byte{n} }

// Maker makes something.
type Maker interface{ Make(n int) any }

// Square has pointer receivers.
type Square struct{ Side int }

// Make allocates a row.
//
//go:noinline
func (s *Square) Make(n int) any { return make([]int, s.Side+n) }

// Into is for defer.
func (s *Square) Into(all *[]any) { *all = append(*all, make([]int16, s.Side*100)) }

// Circle has value receivers.
type Circle struct{ Radius int }

// Make allocates a string.
//
//go:noinline
func (c Circle) Make(n int) any { return string(make([]byte, c.Radius+n+32)) }

// Framed promotes Square's methods.
type Framed struct{ *Square }

// Tagged promotes the methods of whatever Maker it holds.
type Tagged struct {
	Maker
	Tag string
}
