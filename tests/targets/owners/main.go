// Command owners holds blobs in a map, and refers to some of them from where references own nothing: a sync.Pool, timers,
// weak pointers (Go 1.24) and an object with a finalizer. It also holds blobs in the pool and in timers alone.
package main

import (
	"flag"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"gosnap.test/ready"
)

const (
	nOwned      = 400 // in the map
	nPooled     = 150 // of these, also in the pool
	nPoolAlone  = 60
	nTimed      = 100 // of these, also captured by a timer
	nTimedAlone = 40
	nHandled    = 30 // held by an object that has a finalizer, which a variable holds
)

// Blob is big enough to be told from all else, and refers to nothing of note.
type Blob struct {
	Data [3000]byte
	Next *Blob
}

// Handle has a finalizer.
type Handle struct {
	Blob *Blob
	Pad  [64]byte
}

var (
	owned   = map[int]*Blob{}
	pool    sync.Pool
	handles []*Handle
)

//go:noinline
func fill() {
	for i := 0; i < nOwned; i++ {
		owned[i] = &Blob{}
	}
	for i := 0; i < nTimed; i++ {
		b := owned[i]
		time.AfterFunc(time.Hour, func() { b.Data[0]++ })
	}
	for i := 0; i < nTimedAlone; i++ {
		b := &Blob{}
		time.AfterFunc(time.Hour, func() { b.Data[0]++ })
	}
	for i := 0; i < nHandled; i++ {
		h := &Handle{Blob: &Blob{}}
		runtime.SetFinalizer(h, func(h *Handle) { h.Blob = nil })
		handles = append(handles, h)
	}
	weaken()
}

//go:noinline
func fillPool() {
	for i := 0; i < nPooled; i++ {
		pool.Put(owned[i])
	}
	for i := 0; i < nPoolAlone; i++ {
		pool.Put(&Blob{})
	}
}

// clear overwrites what earlier calls left on the stack.
//
//go:noinline
func clear(depth int) byte {
	var page [512]byte
	if depth > 0 {
		page[depth%len(page)] = clear(depth - 1)
	}
	return page[depth%7]
}

func main() {
	seconds := flag.Int("seconds", 300, "end after so many seconds")
	flag.Parse()
	ready.Begin(*seconds)
	fill()
	ready.Settle()
	// a collection would empty the pool
	debug.SetGCPercent(-1)
	fillPool()
	clear(40)
	report := func() {
		ready.Report(false, func(l *ready.Line) {
			l.KeyInt("owned", nOwned)
			l.KeyInt("pool_alone", nPoolAlone)
			l.KeyInt("timed_alone", nTimedAlone)
			l.KeyInt("handled", nHandled)
		})
	}
	report()
	ready.Wait(func(byte) { report() })
	runtime.KeepAlive(handles)
}
