//go:build go1.23

package main

import (
	"iter"
	"maps"
	"slices"
)

func init() {
	add("iterators", "loops over functions: the body is a function of its own with -range in its name", func() {
		for n := range count(30) {
			keep(sized(n * 10))
			for m := range count(n % 4) {
				keep(make([]int32, m+n))
				defer func() { keep(new([40]byte)) }()
			}
		}
		keep(slices.Collect(count(100)))
		keep(slices.Sorted(maps.Keys(map[string]int{"a": 1, "b": 2})))
		next, stop := iter.Pull(count(10))
		for v, ok := next(); ok; v, ok = next() {
			keep(sized(v))
		}
		stop()
	})
}

func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			keep(new([24]byte))
			if !yield(i) {
				return
			}
		}
	}
}
