//go:build go1.23

package main

import (
	"fmt"
	"iter"
	"unique"
)

var (
	handles []unique.Handle[string]
	places  []unique.Handle[Point]
	pull    func() (int, bool)
	unpull  func()
)

func buildNewer() {
	for i := 0; i < 200; i++ {
		handles = append(handles, unique.Make(fmt.Sprint("unique ", i%50)))
		places = append(places, unique.Make(Point{int32(i), 9}))
	}
	// A coroutine: a goroutine that is switched to, not scheduled.
	pull, unpull = iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	pull()
	buildNewest()
}

func newer() uint64 {
	n := uint64(len(handles) + len(places))
	if pull != nil && unpull != nil {
		n++
	}
	return n + newest()
}
