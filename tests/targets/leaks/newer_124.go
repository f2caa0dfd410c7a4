//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

func init() {
	healthy("live-cleanup", "chan receive",
		"the cleanup of an object that a global holds has the channel", liveCleanup).
		since("1.24")
	healthy("live-weak", "chan receive, sleep",
		"a sleeping goroutine can get at the channel through a weak pointer", liveWeak).
		since("1.24").
		// Worse, the runtime of 1.27.3 ends the program ("bad g->status in ready") when the sender then gets there: a
		// goroutine that a profile has marked leaked cannot be woken.
		differs(1, "a weak pointer does not count as reaching, though a live goroutine can make it a strong one and send")
	leak("weak", 1, "chan receive",
		"only a global weak pointer to the channel's holder is left, and nobody uses it", leakWeak).
		since("1.24")
	leak("cleanup-own", 1, "chan receive",
		"a goroutine waits for the cleanup of what it holds itself", leakCleanup).
		since("1.24").differs(0, whySpecial)
}

func liveCleanup() {
	c := make(chan int)
	guarded = newFuture[int]()
	runtime.AddCleanup(guarded, func(c chan int) { close(c) }, c)
	go func() { <-c }()
}

func liveWeak() {
	f := newFuture[int]()
	w := weak.Make(f)
	go func() { f.get(); use(f) }()
	go func() {
		hold()
		if f := w.Value(); f != nil {
			f.set(1)
		}
	}()
}

var weakly weak.Pointer[future[int]]

func leakWeak() {
	f := newFuture[int]()
	weakly = weak.Make(f)
	go func() { f.get() }()
}

func leakCleanup() {
	c, f := make(chan int), newFuture[int]()
	runtime.AddCleanup(f, func(c chan int) { close(c) }, c)
	go func() {
		<-c
		f.set(1)
	}()
}
