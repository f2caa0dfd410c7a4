package main

import (
	"context"
	"fmt"
	"runtime/pprof"
	"sync"
	"time"
)

func init() {
	programs["labels"] = program{
		about: "goroutines that work and wait under labels; heap profiles carry none, goroutine profiles do",
		steps: []step{{"heap", labelled}},
	}
}

//go:noinline
func labelled() {
	var ready sync.WaitGroup
	forever := make(chan struct{})
	wait := func(depth int) {
		keepAndWait(&ready, forever, depth)
	}
	for i := 0; i < 24; i++ {
		i := i
		ready.Add(1)
		labels := pprof.Labels("tenant", fmt.Sprint("t", i%4), "endpoint", []string{"/list", "/put"}[i%2])
		if i%6 == 0 {
			labels = pprof.Labels("tenant", "t0", "job", "nightly, with a comma", "größe", "ü=1")
		}
		go pprof.Do(context.Background(), labels, func(ctx context.Context) {
			if i%3 == 0 {
				pprof.Do(ctx, pprof.Labels("phase", "inner"), func(context.Context) { wait(2) })
				return
			}
			wait(5)
		})
	}
	for i := 0; i < 5; i++ {
		ready.Add(1)
		go wait(1)
	}
	ready.Wait()
	time.Sleep(20 * time.Millisecond) // from Done to the channel
}

//go:noinline
func keepAndWait(ready *sync.WaitGroup, forever chan struct{}, depth int) {
	if depth > 0 {
		keepAndWait(ready, forever, depth-1)
		return
	}
	store(sized(5000))
	ready.Done()
	<-forever
}
