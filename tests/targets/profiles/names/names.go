// Package names has identifiers that a report must not break: letters of other scripts and a very long name.
package names

type Größe struct{ Wert []byte }

//go:noinline
func (g *Größe) Wachse(n int) *Größe { g.Wert = make([]byte, n); return g }

type 世界 struct{ 数 []int }

//go:noinline
func (w 世界) 作る(n int) any { return 世界{make([]int, n)} }

//go:noinline
func Ελληνικά(n int) any { return make([]string, n) }

//go:noinline
func aNameThatIsLongerThanAnyLineOfATerminalAndThatGoesOnAndOnUntilNobodyCanReadItAnyMoreWithoutScrollingToTheRight(n int) any {
	return func() any { return func() any { return make([]uint16, n) }() }()
}

//go:noinline
func main(n int) any { return new([2000]byte) } // called names.main

// All allocates below each of them.
func All() (all []any) {
	for i := 1; i < 40; i++ {
		all = append(all, new(Größe).Wachse(i*10), 世界{}.作る(i), Ελληνικά(i), main(i),
			aNameThatIsLongerThanAnyLineOfATerminalAndThatGoesOnAndOnUntilNobodyCanReadItAnyMoreWithoutScrollingToTheRight(i))
	}
	return all
}
