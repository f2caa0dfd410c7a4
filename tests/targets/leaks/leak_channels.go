package main

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"runtime"
	"sync"
	"time"
)

// Channels that nobody will use again.
func init() {
	leak("premature-return", 1, "chan send",
		"the caller returns on an error before it takes the result", leakPrematureReturn)
	leak("timeout", 1, "chan send", "the result comes after the caller has given up waiting", leakTimeout)
	leak("ncast", 4, "chan send*4", "five replicas answer, the caller takes the first answer", leakNCast)
	leak("double-send", 1, "chan send", "a return is missing after the error was sent", leakDoubleSend)
	leak("missing-close", 1, "chan receive",
		"a consumer ranges over a channel that is never closed", leakMissingClose)
	leak("orphan-receiver", 1, "chan receive", "a receiver whose channel has no sender", leakOrphanReceiver)
	leak("orphan-sender", 1, "chan send", "a sender whose channel has no receiver", leakOrphanSender)
	leak("buffer-full", 1, "chan send", "a buffered channel is one short", leakBufferFull)
	leak("nil-receive", 1, "chan receive (nil chan)",
		"a receive from a channel that was never made", leakNilReceive)
	leak("nil-send", 1, "chan send (nil chan)", "a send to a channel that was never made", leakNilSend)
	leak("nil-range", 1, "chan receive (nil chan)", "a range over the nil field of a struct", leakNilRange)
	leak("nil-select", 1, "select", "a select whose channels were all set to nil", leakNilSelect)
	leak("empty-select", 1, "select (no cases)",
		"a goroutine that stays alive with select{}", leakEmptySelect)
	leak("select-receives", 1, "select", "a select of receives from two dead channels", leakSelectReceives)
	leak("select-sends", 1, "select", "a select of sends to two dead channels", leakSelectSends)
	leak("select-mixed", 1, "select",
		"a select of a nil channel, a send and a receive, in a loop", leakSelectMixed)
	leak("select-reflect", 1, "select", "reflect.Select over twenty dead channels", leakSelectReflect)
	leak("context-lost-cancel", 1, "chan receive",
		"the cancel function of a context is dropped", leakContextLostCancel)
	leak("context-nested", 1, "select",
		"as lost cancel, three contexts deep and with a value", leakContextNested)
	leak("context-own-parent", 2, "select, chan receive",
		"a parent of a foreign type makes package context start a goroutine that watches it", leakContextOwnParent)
	leak("context-background", 1, "select",
		"a select on a dead channel and on Background's Done, which is nil",
		leakContextBackground)
	leak("consumer-stops", 1, "chan send",
		"a consumer stops in the middle, its producer does not know", leakConsumerStops)
	leak("pipeline-abandoned", 3, "chan send*3",
		"nobody drains the last stage of a pipeline of three", leakPipeline)
	leak("fan-in-abandoned", 5, "chan send*4, sync.WaitGroup.Wait",
		"four inputs are merged, the reader leaves; the closer waits for all four", leakFanIn)
	leak("group-early-return", 3, "chan send*3",
		"the first error of four workers is returned, the others stay", leakGroup)
	leak("pool-not-closed", 3, "chan receive*3",
		"the jobs of a worker pool are done but its queue is not closed", leakPool)
	leak("listener", 1, "select", "an event listener outlives the bus that it listens on", leakListener)
	leak("semaphore", 3, "chan send*3", "a semaphore channel is never released", leakSemaphore)
	leak("request-reply", 1, "chan receive",
		"a channel of channels: the server ends with a request in its queue", leakReply)
	leak("broadcast", 20, "chan receive*20", "twenty wait for a close that was forgotten", leakBroadcast)
	leak("many", 1000, "chan receive*1000", "a thousand goroutines, each with a channel of its own", leakMany)
	leak("panic-recovered", 1, "chan receive", "the sender panics before its send and recovers", leakPanic)
	leak("goexit", 1, "chan receive", "the sender ends with runtime.Goexit before its send", leakGoexit)
	leak("io-pipe", 1, "select", "a writer of an io.Pipe whose reader is gone", leakIOPipe)
	leak("net-pipe", 1, "select", "a reader of a net.Pipe whose peer is gone", leakNetPipe)
	leak("locked-thread", 1, "chan receive", "a leaked goroutine with a thread of its own", leakLockedThread)
	leak("deep-stack", 1, "chan receive", "a leaked goroutine two hundred calls deep", leakDeepStack)
	leak("large-element", 1, "chan send", "a send of an element of 8 kB", leakLargeElement)
	leak("deferred-send", 1, "chan send",
		"a send in a deferred function, while a panic is on its way", leakDeferredSend)
}

func fetchSlowly() (<-chan int, error) {
	result := make(chan int)
	go func() { result <- 1 }()
	return result, errors.New("no such host")
}

func leakPrematureReturn() {
	result, err := fetchSlowly()
	if err != nil {
		return
	}
	<-result
}

func leakTimeout() {
	result, late := make(chan string), make(chan struct{})
	go func() {
		<-late
		result <- "too late"
	}()
	select {
	case <-result:
	case <-time.After(time.Millisecond):
		close(late)
	}
}

func leakNCast() {
	answers := make(chan int)
	for i := 0; i < 5; i++ {
		go func(i int) { answers <- i }(i)
	}
	<-answers
}

func leakDoubleSend() {
	type outcome struct {
		value int
		err   error
	}
	out := make(chan outcome)
	go func() {
		v, err := 0, error(io.ErrUnexpectedEOF)
		if err != nil {
			out <- outcome{err: err}
		}
		out <- outcome{value: v}
	}()
	<-out
}

func leakMissingClose() {
	items, summed := make(chan int), make(chan int, 1)
	go func() {
		sum := 0
		for v := range items {
			sum += v
		}
		summed <- sum
	}()
	for i := 0; i < 3; i++ {
		items <- i
	}
}

func leakOrphanReceiver() {
	c := make(chan int)
	go func() { <-c }()
}

func leakOrphanSender() {
	c := make(chan int)
	go func() { c <- 1 }()
}

func leakBufferFull() {
	c := make(chan int, 2)
	go func() {
		for i := 0; i < 3; i++ {
			c <- i
		}
	}()
}

func leakNilReceive() {
	var c chan int
	go func() { <-c }()
}

func leakNilSend() {
	var c chan string
	go func() { c <- "never" }()
}

func leakNilRange() {
	type source struct{ items chan int }
	s := new(source)
	go func() {
		for range s.items {
		}
	}()
}

func leakNilSelect() {
	a, b := make(chan int), make(chan int)
	close(a)
	close(b)
	go func() {
		for {
			// The usual way to leave out a closed channel, with the check for the end forgotten.
			select {
			case _, ok := <-a:
				if !ok {
					a = nil
				}
			case _, ok := <-b:
				if !ok {
					b = nil
				}
			}
		}
	}()
}

func leakEmptySelect() {
	go func() { select {} }()
}

func leakSelectReceives() {
	a, b := make(chan int), make(chan string)
	go func() {
		select {
		case <-a:
		case <-b:
		}
	}()
}

func leakSelectSends() {
	a, b := make(chan int), make(chan string)
	go func() {
		select {
		case a <- 1:
		case b <- "one":
		}
	}()
}

func leakSelectMixed() {
	var off chan int
	in, out := make(chan int), make(chan int)
	go func() {
		for {
			select {
			case v := <-in:
				out <- v
			case out <- 0:
			case <-off:
			}
		}
	}()
	<-out
}

func leakSelectReflect() {
	go func() {
		var branches []reflect.SelectCase
		for i := 0; i < 20; i++ {
			c := reflect.ValueOf(make(chan int))
			branches = append(branches, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: c})
		}
		reflect.Select(branches)
	}()
}

func leakContextLostCancel() {
	ctx, _ := context.WithCancel(context.Background())
	go func() { <-ctx.Done() }()
}

type traceKey struct{}

func leakContextNested() {
	outer, _ := context.WithCancel(context.Background())
	middle := context.WithValue(outer, traceKey{}, "trace")
	inner, _ := context.WithCancelCause(middle)
	work := make(chan int)
	go func() {
		for {
			select {
			case <-work:
			case <-inner.Done():
				return
			}
		}
	}()
	work <- 1
}

// ownContext is not one that package context knows how to attach a child to.
type ownContext struct {
	context.Context
	done chan struct{}
}

func (c *ownContext) Done() <-chan struct{} { return c.done }

func leakContextOwnParent() {
	ctx, _ := context.WithCancel(&ownContext{context.Background(), make(chan struct{})})
	go func() { <-ctx.Done() }()
}

func leakContextBackground() {
	ctx := context.Background()
	updates := make(chan int)
	go func() {
		select {
		case <-updates:
		case <-ctx.Done():
		}
	}()
}

func leakConsumerStops() {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for i := 0; i < 100; i++ {
			lines <- "line"
		}
	}()
	n := 0
	for range lines {
		if n++; n == 3 {
			break
		}
	}
}

func stage(in <-chan int, f func(int) int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for v := range in {
			out <- f(v)
		}
	}()
	return out
}

func leakPipeline() {
	numbers := make(chan int)
	go func() {
		defer close(numbers)
		for i := 0; ; i++ {
			numbers <- i
		}
	}()
	last := stage(stage(numbers, func(v int) int { return v * v }), func(v int) int { return v + 1 })
	<-last
}

func leakFanIn() {
	merged := make(chan int)
	var open sync.WaitGroup
	for i := 0; i < 4; i++ {
		open.Add(1)
		go func(i int) {
			defer open.Done()
			for v := i; ; v += 4 {
				merged <- v
			}
		}(i)
	}
	go func() {
		open.Wait()
		close(merged)
	}()
	for i := 0; i < 10; i++ {
		<-merged
	}
}

func leakGroup() {
	failed := make(chan error)
	for i := 0; i < 4; i++ {
		go func() { failed <- errors.New("refused") }()
	}
	for i := 0; i < 4; i++ {
		if err := <-failed; err != nil {
			return
		}
	}
}

func leakPool() {
	jobs, results := make(chan int), make(chan int, 9)
	for i := 0; i < 3; i++ {
		go func() {
			for job := range jobs {
				results <- job * job
			}
		}()
	}
	for i := 0; i < 9; i++ {
		jobs <- i
	}
	for i := 0; i < 9; i++ {
		<-results
	}
}

type bus struct {
	listeners []chan string
	quit      chan struct{}
}

func (b *bus) listen(heard func(string)) {
	events, quit := make(chan string), b.quit
	b.listeners = append(b.listeners, events)
	go func() {
		for {
			select {
			case e := <-events:
				heard(e)
			case <-quit:
				return
			}
		}
	}()
}

func leakListener() {
	b := &bus{quit: make(chan struct{})}
	b.listen(func(string) {})
	b.listeners[0] <- "hello"
}

func leakSemaphore() {
	slots := make(chan struct{}, 2)
	slots <- struct{}{}
	slots <- struct{}{}
	for i := 0; i < 3; i++ {
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
		}()
	}
}

type request struct {
	key   string
	reply chan string
}

func leakReply() {
	requests := make(chan request, 1)
	go func() {
		r := request{"name", make(chan string)}
		requests <- r
		<-r.reply
	}()
}

func leakBroadcast() {
	begin := make(chan struct{})
	for i := 0; i < 20; i++ {
		go func() { <-begin }()
	}
}

func leakMany() {
	for i := 0; i < 1000; i++ {
		go func() { <-make(chan int) }()
	}
}

func leakPanic() {
	result := make(chan int)
	go func() {
		defer func() { _ = recover() }()
		var table map[string]int
		table["a"] = 1
		result <- 1
	}()
	go func() { <-result }()
}

func leakGoexit() {
	result := make(chan int)
	go func() {
		runtime.Goexit()
		result <- 1
	}()
	go func() { <-result }()
}

func leakIOPipe() {
	_, w := io.Pipe()
	go func() { _, _ = w.Write([]byte("hello")) }()
}

func leakNetPipe() {
	c, _ := net.Pipe()
	go func() { _, _ = c.Read(make([]byte, 16)) }()
}

func leakLockedThread() {
	c := make(chan int)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		<-c
	}()
}

//go:noinline
func descend(depth int, c chan int) int {
	var pad [16]int
	pad[depth%16] = depth
	if depth == 0 {
		return <-c
	}
	return descend(depth-1, c) + pad[3]
}

func leakDeepStack() {
	c := make(chan int)
	go func() { descend(200, c) }()
}

func leakLargeElement() {
	c := make(chan [1024]int64)
	go func() { c <- [1024]int64{1, 2, 3} }()
}

func leakDeferredSend() {
	failed := make(chan any)
	go func() {
		defer func() { failed <- recover() }()
		panic("on its way")
	}()
}
