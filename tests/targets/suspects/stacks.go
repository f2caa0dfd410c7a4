package main

import (
	"fmt"
	"time"
)

var stackCases = []scenario{
	{
		Name: "stack-map", Kind: leak, Pattern: "map", Root: "goroutine main.aggregate",
		Container:     "main.aggregate.totals",
		ContainerType: "map[string]*main.accountTotal", Types: []string{"main.accountTotal"},
		What: "a local variable of a goroutine that runs for ever: a map, held by nothing but that stack",
		fill: fillAggregate,
	},
	{
		Name: "stack-map-inline", Kind: leak, Pattern: "map", Root: "goroutine main.deduplicate",
		Container: "main.deduplicate.seen", ContainerType: "map[uint64]*main.fingerprint",
		Types: []string{"main.fingerprint"},
		What:  "as stack-map, but even the map's header is in the stack frame, since it does not escape",
		fill:  fillDeduplicate,
	},
	{
		Name: "stack-struct-map", Kind: leak, Pattern: "map", Root: "goroutine main.(*indexer).run",
		Container: "main.indexer.postings", ContainerType: "map[string][]uint32", Field: "main.indexer.postings",
		Types: []string{"[]uint32"},
		What:  "a goroutine's own cache, in a struct that only the goroutine knows", fill: fillIndexer,
	},
	{
		Name: "stack-slice", Kind: leak, Pattern: "slice", Root: "goroutine main.(*collector).loop",
		Container: "main.collector.pending", ContainerType: "[]*main.span", Field: "main.collector.pending",
		Types: []string{"main.span"},
		What:  "a trace collector that waits for a flush that never comes", fill: fillCollector,
	},
}

// batch asks a goroutine for n more items; it answers how many it has then.
type batch struct {
	n    int
	done chan<- int
}

var batches = make(chan batch)

// request starts the goroutine the first time.
func request(percent, n int, start func()) int {
	if percent == 100 {
		start()
	}
	done := make(chan int)
	batches <- batch{n, done}
	return <-done
}

type accountTotal struct {
	Account string
	Debit   float64
	Credit  float64
	ByDay   [60]float64
}

func fillAggregate(percent int) int {
	return request(percent, 500*percent, func() { go aggregate() })
}

//go:noinline
func newTotals() map[string]*accountTotal { return make(map[string]*accountTotal) }

//go:noinline
func addTotals(totals map[string]*accountTotal, n int) int {
	for i := 0; i < n; i++ {
		account := fmt.Sprintf("DE%020d", len(totals))
		totals[account] = &accountTotal{Account: account}
	}
	return len(totals)
}

//go:noinline
func aggregate() {
	totals := newTotals()
	for b := range batches {
		b.done <- addTotals(totals, b.n)
	}
}

type fingerprint struct {
	First time.Time
	Hash  [500]byte
}

func fillDeduplicate(percent int) int {
	return request(percent, 500*percent, func() { go deduplicate() })
}

//go:noinline
func addFingerprints(seen map[uint64]*fingerprint, n int) int {
	for i := 0; i < n; i++ {
		seen[spread(uint64(len(seen)))] = &fingerprint{First: time.Now()}
	}
	return len(seen)
}

//go:noinline
func deduplicate() {
	seen := make(map[uint64]*fingerprint)
	for b := range batches {
		b.done <- addFingerprints(seen, b.n)
	}
}

type indexer struct {
	language string
	postings map[string][]uint32
	flushed  time.Time
}

func fillIndexer(percent int) int {
	return request(percent, 300*percent, func() { go newIndexer("en").run() })
}

//go:noinline
func newIndexer(language string) *indexer {
	return &indexer{language: language, postings: make(map[string][]uint32)}
}

//go:noinline
func (x *indexer) add(n int) int {
	for i := 0; i < n; i++ {
		x.postings[fmt.Sprintf("word%d", len(x.postings))] = make([]uint32, 220)
	}
	return len(x.postings)
}

//go:noinline
func (x *indexer) run() {
	for b := range batches {
		b.done <- x.add(b.n)
	}
	x.flushed = time.Now()
}

type span struct {
	Trace, ID, Parent uint64
	Name              string
	Start, End        time.Time
	Tags              [24]string
}

type collector struct {
	endpoint string
	pending  []*span
}

func fillCollector(percent int) int {
	return request(percent, 600*percent, func() { go newCollector("http://collector:4318").loop() })
}

//go:noinline
func newCollector(endpoint string) *collector { return &collector{endpoint: endpoint} }

//go:noinline
func (c *collector) add(n int) int {
	for i := 0; i < n; i++ {
		c.pending = append(c.pending, &span{Trace: spread(uint64(i)), ID: uint64(len(c.pending)), Name: "GET /"})
	}
	return len(c.pending)
}

//go:noinline
func (c *collector) loop() {
	for b := range batches {
		b.done <- c.add(b.n)
	}
	c.pending = nil
}
