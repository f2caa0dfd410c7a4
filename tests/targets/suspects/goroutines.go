package main

import (
	"fmt"
	"sync"
	"time"
)

var goroutineCases = []scenario{
	{
		Name: "goroutines-readers", Kind: leak, Pattern: "goroutines", Root: "goroutine main.(*conn).readLoop",
		Container: "main.(*conn).readLoop", ContainerType: "goroutine", Types: []string{"[]uint8"},
		What: "500 goroutines that wait for a close that never comes, each with a buffer of 64 kB", fill: fillReaders,
	},
	{
		Name: "goroutines-senders", Kind: leak, Pattern: "goroutines", Root: "goroutine main.queryReplica",
		Container: "main.queryReplica", ContainerType: "goroutine", Types: []string{"[]main.resultRow"},
		What: "the callers timed out: each goroutine blocks in the send of its result", fill: fillSenders,
	},
	{
		Name: "goroutines-locked", Kind: leak, Pattern: "goroutines", Root: "goroutine main.(*ledger).apply",
		Container: "main.(*ledger).apply", ContainerType: "goroutine", Types: []string{"[]main.posting"},
		What: "a mutex that was never unlocked: goroutines queue up before it, each with its batch", fill: fillLocked,
	},
	{
		Name: "goroutines-tickers", Kind: leak, Pattern: "goroutines", Root: "goroutine main.(*poller).run",
		Container: "main.(*poller).run", ContainerType: "goroutine", Types: []string{"main.deviceState"},
		AlsoRoots: []string{"global runtime.allp"}, AlsoPatterns: []string{"timers"},
		What: "a poller per device whose ticker is never stopped and whose loop has no way out", fill: fillPollers,
	},
}

var leaked int

// started runs n goroutines and returns when all have said that they are about to block.
func started(n int, start func(i int, ready *sync.WaitGroup)) int {
	var ready sync.WaitGroup
	ready.Add(n)
	for i := 0; i < n; i++ {
		start(i, &ready)
	}
	ready.Wait()
	leaked += n
	return leaked
}

type conn struct {
	remote string
	closed chan struct{}
	read   int
}

//go:noinline
func newConn(i int) *conn {
	return &conn{remote: fmt.Sprintf("10.0.0.%d:443", i&255), closed: make(chan struct{})}
}

//go:noinline
func (c *conn) consume(b []byte) { c.read += len(b) }

//go:noinline
func (c *conn) readLoop(ready *sync.WaitGroup) {
	buffer := bytesOf(64<<10, c.read)
	ready.Done()
	<-c.closed
	c.consume(buffer)
}

func fillReaders(percent int) int {
	return started(5*percent, func(i int, ready *sync.WaitGroup) { go newConn(i).readLoop(ready) })
}

type resultRow struct {
	Key   string
	Value float64
	Next  *resultRow
}

//go:noinline
func queryRows(n int) []resultRow { return make([]resultRow, n) }

//go:noinline
func queryReplica(results chan<- []resultRow, ready *sync.WaitGroup) {
	rows := queryRows(800)
	ready.Done()
	results <- rows
}

func fillSenders(percent int) int {
	return started(12*percent, func(_ int, ready *sync.WaitGroup) { go queryReplica(make(chan []resultRow), ready) })
}

type posting struct {
	Account string
	Cents   int64
	At      time.Time
}

type ledger struct {
	mu      sync.Mutex
	entries int
}

var books *ledger

//go:noinline
func newPostings(n int) []posting { return make([]posting, n) }

//go:noinline
func (l *ledger) apply(ready *sync.WaitGroup) {
	postings := newPostings(500)
	ready.Done()
	l.mu.Lock()
	l.entries += len(postings)
	postings[0].Cents = 1
	l.mu.Unlock()
}

func fillLocked(percent int) int {
	if books == nil {
		books = new(ledger)
		books.mu.Lock()
	}
	return started(14*percent, func(_ int, ready *sync.WaitGroup) { go books.apply(ready) })
}

type deviceState struct {
	Readings [2000]float64
	Polls    int
}

type poller struct {
	address string
	ticker  *time.Ticker
	state   *deviceState
}

//go:noinline
func newPoller(i int) *poller {
	return &poller{fmt.Sprintf("device-%d.local", i), time.NewTicker(6 * time.Hour), new(deviceState)}
}

//go:noinline
func (p *poller) run(ready *sync.WaitGroup) {
	ready.Done()
	for range p.ticker.C {
		p.state.Polls++
	}
}

func fillPollers(percent int) int {
	return started(20*percent, func(i int, ready *sync.WaitGroup) { go newPoller(i).run(ready) })
}
