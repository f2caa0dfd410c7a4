//go:build go1.23

package main

import "iter"

func init() {
	healthy("live-iter-pull", "coroutine, chan receive",
		"a coroutine that a global can resume has the channel", livePull).
		since("1.23")
	healthy("live-iter-pull-blocked", "coroutine, chan receive*2, sleep",
		"a goroutine in a coroutine that waits for a live channel", livePullBlocked).since("1.23")
	leak("iter-pull-blocked", 2, "chan receive, coroutine",
		"a coroutine waits for a dead channel", leakPullBlocked).
		since("1.23").differs(1, whyCoroutine)
	leak("iter-pull-dropped", 2, "coroutine, chan receive",
		"next and stop of a coroutine are dropped, and it has what another goroutine waits for", leakPullDropped).
		since("1.23").differs(0, whyCoroutine)
}

var resume func() (int, bool)

func sequence(c chan int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer close(c)
		for i := 0; yield(i); i++ {
		}
	}
}

func livePull() {
	c := make(chan int)
	next, _ := iter.Pull(sequence(c))
	next()
	resume = next
	go func() { <-c }()
}

func livePullBlocked() {
	c, d := make(chan int), make(chan int)
	next, stop := iter.Pull(func(yield func(int) bool) {
		defer close(d)
		yield(<-c)
	})
	go func() {
		defer stop()
		next()
	}()
	go func() { <-d }()
	go hold(c)
}

func leakPullBlocked() {
	next, stop := iter.Pull(func(yield func(int) bool) { yield(<-make(chan int)) })
	go func() {
		defer stop()
		next()
	}()
}

func leakPullDropped() {
	c := make(chan int)
	next, _ := iter.Pull(sequence(c))
	next()
	go func() { <-c }()
}
