package main

func init() {
	programs["grow"] = program{
		about: "a cache that grows between two profiles; the rest stays",
		steps: []step{{"before", func() { keep(sized(50000)); cache(100) }}, {"heap", func() { cache(300) }}},
	}
	programs["shrink"] = program{
		about: "one part shrinks, one grows, one is exchanged for an equal one: negative numbers",
		steps: []step{
			{"before", func() { shrinking = rows(300); growing = rows2(20); same = rows2(70) }},
			{"heap", func() {
				shrinking = shrinking[:40:40]
				shrinking = copied(shrinking)
				growing = rows2(90)
				same = rows2(70)
			}},
		},
	}
	programs["exchange"] = program{
		about: "functions that appear and others that disappear between two profiles, through one parent",
		steps: []step{
			{"before", func() { phase(oldA); phase(oldB) }},
			{"heap", func() { parts = nil; phase(newA); phase(newB); phase(oldB) }},
		},
	}
	programs["empties"] = program{
		about: "everything of the first profile is gone in the second",
		steps: []step{{"before", func() { parts = append(parts, sized(1<<20), rows(30)) }}, {"heap", func() { parts = nil }}},
	}
}

var (
	shrinking, growing, same [][]byte
	parts                    []any
)

//go:noinline
func cache(n int) {
	for i := 0; i < n; i++ {
		keep(sized(1024))
	}
}

//go:noinline
func rows(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, 700)
	}
	return all
}

//go:noinline
func rows2(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, 900)
	}
	return all
}

//go:noinline
func copied(from [][]byte) [][]byte { return append([][]byte(nil), from...) }

//go:noinline
func phase(make func(int) any) {
	for i := 0; i < 20; i++ {
		parts = append(parts, make(i))
	}
}

//go:noinline
func oldA(i int) any { return sized(2000 + i) }

//go:noinline
func oldB(i int) any { return rows(i) }

//go:noinline
func newA(i int) any { return sized(3000 + i) }

//go:noinline
func newB(i int) any { return map[int]any{i: oldB(3)} }
