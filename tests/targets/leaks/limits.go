package main

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// The reasons why Go 1.27 misses leaks, each seen in the sources and with the profile of go1.27.3.
const (
	// runtime/mgc.go, setSyncObjectsUntraceable hides sudog.c of who waits on a channel, but not sudog.elem. The
	// compiler has elem point to where the value is when that is not on the stack.
	whyElem = "sudog.elem stays traced, and here the value to send lies in the heap, in an object that leads to the " +
		"channel: allgs > g.waiting > sudog.elem > that object > the channel"
	whyDefer = "the record of a deferred call in a loop is a heap object, found from allgs > g._defer, and its closure " +
		"has the channel"
	whyBlock   = "marking is by whole objects, and a global points into the object that has what is waited for"
	whySpecial = "what a finalizer or cleanup can reach is a root while its object lives, and here the object lives as " +
		"long as the leaked goroutine"
	whyCoroutine = "a goroutine in the state coroutine is taken for one that can run, whether or not anybody can resume it"
)

// Where what is reachable is not the same as what can happen, and what is close to it.
func init() {
	leak("captured-value", 1, "chan send",
		"a closure sends a variable that it captured by value", leakCaptured).
		differs(0, whyElem+" (the closure)")
	leak("own-field", 1, "chan send", "a service sends a field of its own struct", leakOwnField).
		differs(0, whyElem+" (the service)")
	leak("request-unsent", 2, "chan send, chan receive",
		"a channel of channels: the request is not taken, and the reply is awaited by another goroutine", leakUnsent).
		differs(0, whyElem+" (the closure, which has the request)")
	leak("reflect-send", 1, "chan send",
		"a reflect send of a struct that holds the channel itself", leakReflectSend).
		differs(0, whyElem+" (the struct)")
	leak("reflect-send-number", 1, "chan send", "a reflect send of a number", leakReflectNumber)
	leak("deferred-in-loop", 1, "chan receive",
		"a goroutine waits for what its own deferred call would do", leakDeferLoop).
		differs(0, whyDefer)
	leak("deferred-in-loop-other", 1, "chan receive",
		"as deferred-in-loop, but the call is of another channel", leakDeferOther)
	leak("deferred-own", 1, "chan receive",
		"as deferred-in-loop, but without a loop: the record is on the stack", leakDeferOwn)
	leak("popped", 1, "chan receive", "the channel was popped from a global queue by reslicing", leakPopped).
		differs(0, "the slot that was sliced off still has the pointer, and the array is marked as a whole")
	leak("tiny-neighbour", 1, "sync.Mutex.Lock",
		"a mutex of 8 bytes shares a block with a number of a global", leakTiny).
		differs(0, whyBlock+": a block of 16 bytes from the tiny allocator")
	leak("field-neighbour", 1, "sync.Mutex.Lock",
		"a global points to a number in the struct of the mutex", leakField).
		differs(0, whyBlock+": the struct")
	leak("finalizer-own", 1, "chan receive",
		"a goroutine waits for the finalizer of what it holds itself", leakFinalizer).
		differs(0, whySpecial)
	leak("stopped-after-func", 1, "chan receive",
		"the AfterFunc that would wake the goroutine was stopped", leakStoppedAfterFunc)
	leak("stopped-ticker", 1, "chan receive",
		"a goroutine ranges over a ticker that was stopped", leakStoppedTicker)
}

func leakCaptured() {
	c, v := make(chan int), int(rounds.Load())
	go func() { c <- v }()
}

type meter struct {
	last    int
	samples chan int
}

func (m *meter) push() { m.samples <- m.last }

func leakOwnField() {
	m := &meter{samples: make(chan int)}
	go m.push()
}

func leakUnsent() {
	requests, r := make(chan request), request{"name", make(chan string)}
	go func() { requests <- r }()
	go func() { <-r.reply }()
}

func leakReflectSend() {
	type envelope struct {
		text  string
		reply any
	}
	c := make(chan envelope)
	go func() { reflect.ValueOf(c).Send(reflect.ValueOf(envelope{"hello", c})) }()
}

func leakReflectNumber() {
	c := make(chan int)
	go func() { reflect.ValueOf(c).Send(reflect.ValueOf(7)) }()
}

func leakDeferLoop() {
	c := make(chan int)
	go func() {
		for i := 0; i < 1; i++ {
			defer close(c)
		}
		<-c
	}()
}

func leakDeferOther() {
	c, other := make(chan int), make(chan int)
	go func() {
		for i := 0; i < 1; i++ {
			defer close(other)
		}
		<-c
	}()
}

func leakDeferOwn() {
	c := make(chan int)
	go func() {
		defer close(c)
		<-c
	}()
}

var backlog []*future[int]

func leakPopped() {
	for i := 0; i < 4; i++ {
		backlog = append(backlog, newFuture[int]())
	}
	f := backlog[0]
	backlog = backlog[1:]
	go func() { f.get() }()
}

var neighbour *int64

func leakTiny() {
	var m *sync.Mutex
	for {
		m, neighbour = new(sync.Mutex), new(int64)
		if uintptr(unsafe.Pointer(m))&^15 == uintptr(unsafe.Pointer(neighbour))&^15 {
			break
		}
	}
	m.Lock()
	go func() { m.Lock() }()
}

func leakField() {
	type shard struct {
		sync.Mutex
		hits   int64
		values map[string]int
	}
	s := &shard{values: map[string]int{}}
	neighbour = &s.hits
	s.Lock()
	go func() {
		s.Lock()
		s.values["a"]++
		s.Unlock()
	}()
}

func leakFinalizer() {
	c, f := make(chan int), newFuture[int]()
	runtime.SetFinalizer(f, func(*future[int]) { close(c) })
	go func() {
		<-c
		f.set(1)
	}()
}

// sweepTimers has every P look at its timers, because a stopped timer stays in the heap of its P until that P does.
func sweepTimers() {
	n := int64(runtime.GOMAXPROCS(0))
	var running atomic.Int64
	var all sync.WaitGroup
	for i := int64(0); i < n; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			// None yields before all run, so each runs on a P of its own.
			for running.Add(1); running.Load() < n; {
			}
			runtime.Gosched()
		}()
	}
	all.Wait()
}

func leakStoppedAfterFunc() {
	c := make(chan int)
	t := time.AfterFunc(hour, func() { close(c) })
	go func() { <-c }()
	t.Stop()
	sweepTimers()
}

func leakStoppedTicker() {
	t := time.NewTicker(hour)
	go func() {
		for range t.C {
		}
	}()
	// Since 1.23 a ticker is in a P's heap only while somebody waits for it.
	for waiting := false; !waiting; {
		pause()
		waiting = false
		for _, g := range stacks() {
			waiting = waiting || g.State == "chan receive"
		}
	}
	t.Stop()
	sweepTimers()
}
