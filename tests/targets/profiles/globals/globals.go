// Package globals allocates before main.
package globals

import "strings"

var (
	first  = strings.Repeat("first ", 1000)
	second = build(200)
	third  = func() []any { return []any{build(3), build(5)} }()
)

//go:noinline
func build(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Repeat("x", i+1)
	}
	return out
}

var late map[string]any

func init() { late = map[string]any{"one": build(10)} }

func init() {
	for i := 0; i < 20; i++ {
		late[strings.Repeat("k", i)] = make([]byte, 100*i)
	}
}

// All returns what was allocated.
func All() []any { return []any{first, second, third, late} }
