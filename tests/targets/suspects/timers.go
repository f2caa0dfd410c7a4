package main

import (
	"fmt"
	"time"
)

// A timer of AfterFunc that was not stopped is held by the runtime alone: by the heaps of timers of the Ps
// (runtime.p.timers; the Ps are in runtime.allp). Tickers that nobody refers to are no leak since Go 1.23.
var timerCases = []scenario{
	{
		Name: "timers-afterfunc", Kind: leak, Pattern: "timers", Root: "global runtime.allp",
		Container:     "runtime.p.timers",
		ContainerType: "time.Timer", Field: "runtime.p.timers",
		Types: []string{"main.lease"}, AlsoRoots: []string{"timers"},
		What: "each lease sets a timer of a day for its end and is released without stopping it", fill: fillLeases,
	},
	{
		Name: "timers-rescheduling", Kind: leak, Pattern: "timers", Root: "global runtime.allp",
		Container:     "runtime.p.timers",
		ContainerType: "time.Timer", Field: "runtime.p.timers", Types: []string{"main.watcher", "[]uint8"},
		AlsoRoots: []string{"timers"},
		What:      "watchers that set their own timer again each time: objects that look forgotten and still run",
		fill:      fillWatchers,
	},
	{
		Name: "timers-captured", Kind: leak, Pattern: "timers", Root: "global runtime.allp",
		Container:     "runtime.p.timers",
		ContainerType: "time.Timer", Field: "runtime.p.timers",
		Types: []string{"[]uint8"}, AlsoRoots: []string{"timers"},
		What: "a retry in twelve hours: the closure captures the whole payload", fill: fillRetries,
	},
}

var timersSet int

type lease struct {
	id       string
	resource [30]string
	released bool
}

func (l *lease) expire() { l.released = true }

//go:noinline
func grant(i int) {
	l := &lease{id: fmt.Sprintf("lease-%d", i)}
	time.AfterFunc(24*time.Hour, l.expire)
	l.released = true
}

func fillLeases(percent int) int {
	for i := 0; i < 450*percent; i++ {
		grant(timersSet)
		timersSet++
	}
	return timersSet
}

type watcher struct {
	path  string
	timer *time.Timer
	last  []byte
	runs  int
}

func (w *watcher) check() {
	w.runs++
	w.timer.Reset(8 * time.Hour)
}

//go:noinline
func watch(i int) {
	w := &watcher{path: fmt.Sprintf("/etc/app/%d.conf", i), last: bytesOf(3000, i)}
	// The first check is early, and from it on the watcher keeps itself.
	w.timer = time.AfterFunc(8*time.Hour, func() { w.check() })
	w.check()
}

func fillWatchers(percent int) int {
	for i := 0; i < 100*percent; i++ {
		watch(timersSet)
		timersSet++
	}
	return timersSet
}

var retried int

//go:noinline
func retryLater(payload []byte) {
	time.AfterFunc(12*time.Hour, func() { retried += len(payload) })
}

func fillRetries(percent int) int {
	for i := 0; i < 40*percent; i++ {
		retryLater(bytesOf(8<<10, i))
		timersSet++
	}
	return timersSet
}
