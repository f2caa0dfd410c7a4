package main

import (
	"sync"

	"gosnap.test/profiles/shapes"
)

func init() {
	add("inline", "four levels of inlining, a function inlined in one place and called in another", inlined)
	add("closure", "closures in closures, deferred, as goroutines, and in a variable", closures)
	add("method", "method values and expressions, interfaces, promoted methods, pointer and value receivers", methods)
	add("recursion", "direct recursion that allocates at each level, through two call sites", func() {
		keep(fall(40))
		keep(fork(6, 100))
	})
	add("mutual", "three functions that call each other, one of them inlined", func() { keep(ping(31, nil)) })
	add("deep", "stacks of more than 128 frames: the runtime cuts them", func() { keep(dig(300)) })
	add("depths", "stacks around 32 and 128 frames, where versions of Go cut them", func() {
		for _, depth := range []int{5, 27, 28, 29, 30, 31, 32, 33, 34, 60, 123, 124, 125, 126, 127, 128, 129, 130, 160} {
			keep(dig(depth))
		}
	})
	add("many", "2,048 stacks", func() {
		for path := 0; path < 2048; path++ {
			left(path, 11)
		}
	})
	add("goroutines", "the same function below many different goroutines", func() {
		var wait sync.WaitGroup
		work := []func(int){workA, workB, workC}
		for i := 0; i < 30; i++ {
			wait.Add(1)
			go func(i int) {
				defer wait.Done()
				work[i%3](i)
			}(i)
		}
		wait.Wait()
	})
}

var lock sync.Mutex

func store(v any) {
	lock.Lock()
	defer lock.Unlock()
	keep(v)
}

//go:noinline
func workA(i int) { store(shapes.Bytes(1000 + i)) }

//go:noinline
func workB(i int) { store(shapes.Words(100 + i)) }

//go:noinline
func workC(i int) { workA(i); workB(i) }

// one to four are small enough to be inlined into each other.
func one(n int) []byte   { return make([]byte, n) }
func two(n int) []byte   { return one(n * 2) }
func three(n int) []byte { return two(n * 3) }
func four(n int) []byte  { return three(n + 1) }

// byValue is never inlined where it is called through a variable.
var byValue = three

//go:noinline
func inlined() {
	for i := 0; i < 50; i++ {
		keep(four(i))
		keep(three(i * 10))
		keep(byValue(i))
		keep(shapes.Outer(i)) // across packages
		keep(one(i))
		sideways(i)
	}
}

func sideways(i int) { keep(four(i)); keep(one(i + 5)) }

//go:noinline
func closures() {
	size := 10
	grow := func() []byte { size += 16; return make([]byte, size) }
	for i := 0; i < 20; i++ {
		keep(grow())
	}
	nest := func(n int) func() any {
		inner := func(m int) any {
			return func() any { return make([]int, n*m+1) }
		}
		return inner(n).(func() any)
	}
	for i := 0; i < 20; i++ {
		keep(nest(i)())
	}
	func() {
		defer func() { keep(make([]int32, 1000)) }()
		keep(new([300]byte))
	}()
	done := make(chan []any)
	go func() {
		var all []any
		for i := 0; i < 10; i++ {
			all = append(all, func() any { return make([]string, i+1) }())
		}
		done <- all
	}()
	keep(<-done)
	go send(done, 700)
	keep(<-done)
	keep(variable(900))
}

func send(to chan []any, n int) { to <- []any{make([]byte, n)} }

var variable = func(n int) any { return func() any { return make([]byte, n) }() }

//go:noinline
func methods() {
	var maker shapes.Maker = &shapes.Square{Side: 40}
	for i := 0; i < 25; i++ {
		keep(maker.Make(i))
		keep(shapes.Circle{Radius: i}.Make(i))
	}
	maker = shapes.Circle{Radius: 3}
	keep(maker.Make(100))
	value := (&shapes.Square{Side: 9}).Make
	keep(value(33))
	expression := (*shapes.Square).Make
	keep(expression(&shapes.Square{Side: 2}, 77))
	maker = &shapes.Framed{Square: &shapes.Square{Side: 5}} // Make is promoted
	keep(maker.Make(12))
	maker = shapes.Tagged{Maker: maker} // through an embedded interface
	keep(maker.Make(13))
	promoted := shapes.Tagged{Maker: maker}.Make
	keep(promoted(14))
	defer (&shapes.Square{Side: 8}).Into(&kept)
}

type list struct {
	next *list
	data []byte
}

//go:noinline
func fall(n int) *list {
	if n == 0 {
		return nil
	}
	l := &list{data: make([]byte, 32*n)}
	l.next = fall(n - 1)
	return l
}

//go:noinline
func fork(depth, size int) []any {
	if depth == 0 {
		return []any{make([]byte, size)}
	}
	a := fork(depth-1, size+1)
	b := fork(depth-1, size*2)
	return append(a, b...)
}

//go:noinline
func ping(n int, all []any) []any {
	if n <= 0 {
		return all
	}
	return pong(n-1, append(all, make([]byte, 100*n)))
}

func pong(n int, all []any) []any { return pung(n-1, append(all, new([96]byte))) }

//go:noinline
func pung(n int, all []any) []any { return ping(n-1, append(all, make([]int, n+1))) }

//go:noinline
func dig(n int) []byte {
	if n <= 1 {
		return make([]byte, 4096)
	}
	return dig(n - 1)
}

// left and right spell the bits of path as a stack.
//
//go:noinline
func left(path, bits int) {
	if bits == 0 {
		keep(make([]byte, 16+path%64*16))
		return
	}
	turn(path>>1, bits-1, path&1 == 1)
}

//go:noinline
func right(path, bits int) {
	if bits == 0 {
		keep(make([]int64, 2+path%32))
		return
	}
	turn(path>>1, bits-1, path&1 == 1)
}

func turn(path, bits int, isRight bool) {
	if isRight {
		right(path, bits)
	} else {
		left(path, bits)
	}
}
