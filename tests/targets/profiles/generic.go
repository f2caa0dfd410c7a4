package main

import "example.com/ring"

func init() {
	add("generic", "generic functions, types, methods and constraints, instantiated with several types and nested", generics)
}

type number interface {
	~int | ~int32 | ~float64
}

type celsius float64

type tree[K any, V any] struct {
	left, right *tree[K, V]
	key         K
	value       *V
}

//go:noinline
func (t *tree[K, V]) insert(k K, v V, less func(a, b K) bool) *tree[K, V] {
	if t == nil {
		return &tree[K, V]{key: k, value: boxed(v)}
	}
	if less(k, t.key) {
		t.left = t.left.insert(k, v, less)
	} else {
		t.right = t.right.insert(k, v, less)
	}
	return t
}

//go:noinline
func boxed[T any](v T) *T { p := new(T); *p = v; return p }

//go:noinline
func mapped[A, B any](in []A, f func(A) B) []B {
	var out []B
	for _, a := range in {
		out = append(out, f(a))
	}
	return out
}

func sum[T number](in []T) *T { // inlined where it is called
	s := new(T)
	for _, v := range in {
		*s += v
	}
	return s
}

type wrapper[T any] struct{ inner T }

//go:noinline
func (w wrapper[T]) list(n int) []wrapper[T] { return make([]wrapper[T], n) }

//go:noinline
func generics() {
	var names *tree[string, int]
	var points *tree[int, [2]float64]
	for i := 0; i < 60; i++ {
		names = names.insert(string(rune('a'+i*7%26)), i, func(a, b string) bool { return a < b })
		points = points.insert(i*37%61, [2]float64{1, 2}, func(a, b int) bool { return a < b })
	}
	keep(names)
	keep(points)
	numbers := mapped(make([]struct{}, 200), func(struct{}) int { return 3 })
	keep(mapped(numbers, func(i int) celsius { return celsius(i) }))
	keep(mapped(numbers, func(i int) *celsius { return boxed(celsius(i)) }))
	keep(mapped(numbers, func(i int) []any { return []any{boxed(i), boxed(struct{ a, b string }{})} }))
	keep(sum(numbers))
	keep(sum([]celsius{1, 2}))
	keep(wrapper[wrapper[map[string]int]]{}.list(30))
	keep(wrapper[chan func(int) error]{}.list(40))
	r := ring.New[wrapper[[100]int]](50)
	for i := 0; i < 70; i++ {
		r.Push(wrapper[[100]int]{})
	}
	keep(r)
	s := ring.New[string](10)
	s.Push("a")
	keep(s)
}
