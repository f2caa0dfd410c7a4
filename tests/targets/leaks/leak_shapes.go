package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Leaked goroutines and what they hold, in the shapes of a heap.
func init() {
	leak("chain", 10, "chan receive*10",
		"each goroutine holds the channel that the next one waits for", leakChain)
	leak("chain-mixed", 6, "select (no cases), chan receive, select, sync.Mutex.Lock, sync.WaitGroup.Wait, sync.Cond.Wait",
		"a chain over every kind of wait, whose first goroutine has none", leakChainMixed)
	leak("holds-other", 2, "chan receive*2",
		"one leaked goroutine waits and holds what would wake the other", leakHoldsOther)
	leak("ring", 5, "chan receive*5",
		"five goroutines in a ring, each waits for its left neighbour", leakRing)
	leak("ring-of-structs", 3, "chan receive*3",
		"actors that point to each other in a cyclic list", leakActors)
	leak("closure", 1, "chan receive", "the channel is in a closure of a closure", leakClosure)
	leak("struct", 1, "select", "a service is dropped without Stop", leakStruct)
	leak("map", 3, "chan receive*3", "channels in a map that is dropped", leakMap)
	leak("interface", 2, "chan receive, chan send", "the channel is in an interface's value", leakInterface)
	leak("generics", 2, "chan receive*2", "two instances of a generic future that is never set", leakGenerics)
	leak("sync-map", 1, "chan receive", "a future in a sync.Map that is dropped", leakSyncMap)
	leak("sync-pool", 1, "chan receive",
		"the channel is put into a sync.Pool, which collections empty", leakPooled)
	leak("atomic-replaced", 1, "chan receive", "a global pointer to the channel is replaced", leakReplaced)
	leak("map-entry-deleted", 1, "chan receive",
		"the channel's entry in a global map is deleted", leakDeleted)
	leak("among-healthy", 3, "chan receive*6, sleep",
		"three leaked goroutines next to three that will be woken", leakAmong)
	leak("dropped-by-live", 2, "chan receive*2, sleep",
		"a live goroutine held the channel but has dropped it", leakDropped)
}

func leakChain() {
	c := make(chan int)
	for i := 0; i < 10; i++ {
		next := make(chan int)
		go func(in, out chan int) {
			out <- <-in
		}(c, next)
		c = next
	}
}

func leakChainMixed() {
	a, b, c, q := make(chan int), make(chan int), newCounter(), newQueue()
	var group sync.WaitGroup
	group.Add(1)
	locked := make(chan struct{})
	go func() {
		select {}
		close(a)
	}()
	go func() {
		<-a
		close(b)
	}()
	go func() {
		c.Lock()
		defer c.Unlock()
		close(locked)
		select {
		case <-a:
		case <-b:
		}
	}()
	go func() {
		<-locked
		c.Lock()
		defer c.Unlock()
		group.Done()
	}()
	go func() {
		group.Wait()
		q.some.Broadcast()
	}()
	go q.take()
}

func leakHoldsOther() {
	a, b := make(chan int), make(chan int)
	go func() {
		<-a
		close(b)
	}()
	go func() { <-b }()
}

func leakRing() {
	var seats [5]chan int
	for i := range seats {
		seats[i] = make(chan int)
	}
	for i := range seats {
		go func(left, right chan int) {
			right <- <-left
		}(seats[i], seats[(i+1)%len(seats)])
	}
}

type actor struct {
	name  string
	inbox chan string
	next  *actor
}

func (a *actor) loop() {
	for m := range a.inbox {
		a.next.inbox <- m
	}
}

func leakActors() {
	first := &actor{name: "0", inbox: make(chan string)}
	last := first
	for i := 1; i < 3; i++ {
		last = &actor{fmt.Sprint(i), make(chan string), last}
	}
	first.next = last
	for a := first; ; {
		go a.loop()
		if a = a.next; a == first {
			break
		}
	}
}

func leakClosure() {
	c := make(chan int)
	receive := func() int { return <-c }
	twice := func() int { return receive() + receive() }
	go func() { twice() }()
}

type service struct {
	name string
	work chan func()
	stop chan struct{}
}

func newService(name string) *service {
	s := &service{name, make(chan func()), make(chan struct{})}
	go s.loop()
	return s
}

func (s *service) loop() {
	for {
		select {
		case f := <-s.work:
			f()
		case <-s.stop:
			return
		}
	}
}

func (s *service) Stop() { close(s.stop) }

func leakStruct() {
	s := newService("forgotten")
	s.work <- func() {}
}

func leakMap() {
	pending := map[string]chan int{}
	for _, name := range []string{"a", "b", "c"} {
		pending[name] = make(chan int)
		go func(name string) { <-pending[name] }(name)
	}
}

type waiter interface{ wait() }

type (
	receives chan int
	sends    struct{ c chan<- string }
)

func (r receives) wait() { <-r }
func (s sends) wait()    { s.c <- "hello" }

func leakInterface() {
	for _, w := range []waiter{make(receives), sends{make(chan string)}} {
		go w.wait()
	}
}

type future[T any] struct {
	done  chan struct{}
	value T
}

func newFuture[T any]() *future[T] { return &future[T]{done: make(chan struct{})} }

func (f *future[T]) set(v T) {
	f.value = v
	close(f.done)
}

func (f *future[T]) get() T {
	<-f.done
	return f.value
}

func leakGenerics() {
	a, b := newFuture[int](), newFuture[map[string]*actor]()
	go func() { a.get() }()
	go func() { b.get() }()
}

func leakSyncMap() {
	var flights sync.Map
	f, _ := flights.LoadOrStore("key", newFuture[string]())
	go func() { f.(*future[string]).get() }()
}

var waiters = sync.Pool{New: func() any { return make(chan int) }}

func leakPooled() {
	c := waiters.Get().(chan int)
	go func() { <-c }()
	waiters.Put(c)
}

var current atomic.Pointer[future[int]]

func leakReplaced() {
	old := newFuture[int]()
	current.Store(old)
	go func() { old.get() }()
	current.Store(newFuture[int]())
}

var sessions = map[string]*future[int]{}

func leakDeleted() {
	f := newFuture[int]()
	sessions["a"], sessions["b"] = f, newFuture[int]()
	go func() { f.get() }()
	delete(sessions, "a")
}

func leakAmong() {
	for i := 0; i < 3; i++ {
		go func() { <-make(chan int) }()
	}
	c := make(chan int)
	for i := 0; i < 3; i++ {
		go func() { <-c }()
	}
	go hold(c)
}

func leakDropped() {
	c, f := make(chan int), newFuture[int]()
	go func() { <-c }()
	go func() { f.get() }()
	go func(c chan int) {
		kept := f
		use(c, kept)
		kept = nil
		hold(kept)
	}(c)
}
