package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
)

// kept is all that lives on.
var kept []any

func keep(v any) { kept = append(kept, v) }

type pair[A, B any] struct {
	First  A
	Second B
	rest   [6]int
}

// newPair is inlined into its callers, which are instances of generic functions themselves.
func newPair[A, B any](a A, b B) *pair[A, B] { return &pair[A, B]{First: a, Second: b} }

//go:noinline
func pairs[A, B any](n int, a A, b B) []*pair[A, B] {
	out := make([]*pair[A, B], 0, n)
	for i := 0; i < n; i++ {
		out = append(out, newPair(a, b))
	}
	return out
}

func twice[T any](v T) []*pair[T, []T] {
	return append(pairs(3, v, []T{v}), pairs(2, v, []T{v, v})...)
}

type tree[T any] struct {
	left, right *tree[T]
	value       T
}

func (t *tree[T]) insert(v T, depth int) *tree[T] {
	if depth == 0 {
		return &tree[T]{value: v}
	}
	if t == nil {
		t = new(tree[T])
	}
	t.left = t.left.insert(v, depth-1)
	return t
}

// left and right call each other by the bits of a number, so that each number has a stack of its own.
//
//go:noinline
func left(path uint64, depth int, size int) {
	if depth == 0 {
		keep(leaf(size))
		return
	}
	if path&1 == 0 {
		left(path>>1, depth-1, size)
	} else {
		right(path>>1, depth-1, size)
	}
}

//go:noinline
func right(path uint64, depth int, size int) {
	if depth == 0 {
		keep(leaf(size))
		return
	}
	if path&1 == 0 {
		left(path>>1, depth-1, size)
	} else {
		right(path>>1, depth-1, size)
	}
}

func leaf(size int) []byte { return branch(size) }

func branch(size int) []byte { return make([]byte, size) }

// down is as deep as it is told, and each level is an inlined call in another.
//
//go:noinline
func down(n int) any {
	if n == 0 {
		return make([]int, 50)
	}
	return further(n)
}

func further(n int) any { return deeper(n) }

func deeper(n int) any { return down(n - 1) }

type maker interface{ make(n int) any }

type plain struct{ n int }

// A method of a value that is called by a pointer or through an embedding struct has a wrapper.
func (p plain) make(n int) any { return &plain{n + p.n} }

type embeds struct {
	plain
	more [4]int
}

type deep struct{ *embeds }

type failure struct{ text []byte }

func (f failure) Error() string { return string(f.text) }

//go:noinline
func fails(n int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%d: %v", n, r)
			keep(err)
		}
	}()
	panic(failure{bytes.Repeat([]byte("x"), 100*n)})
}

//go:noinline
func closures(n int) []func() any {
	var out []func() any
	for i := 0; i < n; i++ {
		buffer := make([]int, i+1)
		out = append(out, func() any {
			inner := func() any { return append([]int(nil), buffer...) }
			return inner()
		})
	}
	return out
}

// loop allocates and frees many sizes in one place.
//
//go:noinline
func loop(n int) {
	for i := 0; i < n; i++ {
		b := make([]byte, 1<<(4+i%12))
		if i%7 == 0 {
			keep(b)
		}
	}
}

type node struct {
	next *node
	pad  [6]*node
}

var first *node

func chain(n int) {
	for i := 0; i < n; i++ {
		first = &node{next: first}
	}
}

var early = strings.Repeat("early", 1000)

func init() { keep(strings.Split(early, "y")) }

func init() { keep(append([]byte(nil), early...)) }

func everything(stacks int) {
	keep(twice(7))
	keep(twice("seven"))
	keep(twice(7.5))
	keep(twice(plain{7}))
	keep((*tree[int])(nil).insert(1, 5))
	keep((*tree[pair[string, plain]])(nil).insert(pair[string, plain]{}, 9))
	for i := 0; i < stacks; i++ {
		left(uint64(i), 13, 64+i%16*100)
		if i%3 == 0 {
			left(uint64(i), 13, 8000)
		}
	}
	for _, n := range []int{1, 5, 9, 10, 11, 30, 31, 40, 41, 42, 43, 44, 60, 200, 400} {
		keep(down(n))
	}
	makers := []maker{plain{1}, &plain{2}, embeds{plain{3}, [4]int{}}, &embeds{}, deep{&embeds{}}, &deep{&embeds{}}}
	for i, m := range makers {
		for j := 0; j < 20; j++ {
			keep(m.make(i))
			keep(reflect.ValueOf(m).MethodByName("String"))
		}
		keep(m.make)
	}
	for i := 1; i < 20; i++ {
		keep(errors.Unwrap(fails(i)))
	}
	for _, f := range closures(30) {
		keep(f())
	}
	loop(20000)
	ages := make(map[string][]int)
	for i := 0; i < 3000; i++ {
		name := fmt.Sprint("name", i%1000)
		ages[name] = append(ages[name], i)
	}
	keep(ages)
	names := make([]string, 0)
	for name := range ages {
		names = append(names, name+"!")
	}
	sort.Slice(names, func(i, j int) bool { return names[i]+"?" < names[j]+"?" })
	keep(names)
	var text strings.Builder
	for i := 0; i < 5000; i++ {
		fmt.Fprintf(&text, "%d,", i)
	}
	keep(text.String())
	var wait sync.WaitGroup
	results := make(chan any, 64)
	for i := 0; i < 64; i++ {
		wait.Add(1)
		go func(n int) {
			defer wait.Done()
			results <- newPair(n, make([]int, n))
		}(i)
	}
	wait.Wait()
	close(results)
	for r := range results {
		keep(r)
	}
	pool := sync.Pool{New: func() any { return make([]byte, 5000) }}
	for i := 0; i < 50; i++ {
		keep(pool.Get())
	}
}
