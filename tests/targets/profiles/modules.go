package main

import (
	"fmt"

	yaml "example.com/dotted/yaml.v3"
	"example.com/shelf/v2"
	"gosnap.test/profiles/globals"
	"gosnap.test/profiles/names"
)

func init() {
	add("modules", "import paths that end in /v2 or have a dot, replaced modules", func() {
		s := shelf.New()
		for i := 0; i < 40; i++ {
			s.Put(fmt.Sprint("book ", i), i)
		}
		keep(s)
		keep(s.Len())
		x := &shelf.Index{}
		word := x.Word
		for i := 0; i < 50; i++ {
			word("w")
		}
		keep(x)
		keep(yaml.Parse(6))
	})
	add("inits", "init functions and variables that functions initialise, in two packages", func() { keep(globals.All()) })
	add("names", "names that are not ASCII, with dots and percent signs in paths, and one very long", func() { keep(names.All()) })
}

// Initialised before main, by an init function that the compiler writes.
var (
	table  = fill(30)
	lookup = map[string][]int{"a": row(10), "b": row(20)}
	_      = table
)

func fill(n int) [][]int {
	all := make([][]int, n)
	for i := range all {
		all[i] = row(i)
	}
	return all
}

//go:noinline
func row(n int) []int { return make([]int, n+1) }

func init() { lookup["c"] = row(100) }

func init() { lookup["d"] = func() []int { return row(200) }() }
