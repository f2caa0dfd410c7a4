// Command vitals says what its own runtime counts, for whoever reads the same from outside: it holds memory and
// goroutines in known states, allocates when told to, and answers with runtime.MemStats and runtime/metrics.
//
// Lines on stdin: m answers; g collects and answers; a allocates some more and answers; p starts 100 more goroutines and
// answers; c answers with the operations that -load has done.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"gosnap.test/ready"
)

type item struct {
	next *item
	data [200]byte
}

type counter struct {
	ops atomic.Uint64
	_   [120]byte
}

var (
	kept     *item
	big      [][]byte
	gate     = make(chan int)
	other    = make(chan int)
	lock     sync.Mutex
	counters []counter
	stats    runtime.MemStats
	samples  = []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/goal:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/gc/gogc:percent"},
	}
	keys = []string{
		"cycles", "goal", "allocs", "objects", "free", "released", "stacks", "unused", "goroutines", "gogc",
	}
)

//go:noinline
func receive() { <-gate }

//go:noinline
func choose() {
	select {
	case <-gate:
	case <-other:
	}
}

//go:noinline
func locked() { lock.Lock() }

//go:noinline
func asleep() { time.Sleep(time.Hour) }

//go:noinline
func keep(n int) {
	for i := 0; i < n; i++ {
		kept = &item{next: kept}
	}
}

//go:noinline
func keepBig(n int) {
	for i := 0; i < n; i++ {
		big = append(big, make([]byte, 1<<20))
	}
}

func start(n int, f func()) {
	for i := 0; i < n; i++ {
		go f()
	}
}

// work allocates, keeps a bounded part of it, and counts what it did.
func work(c *counter, size int) {
	ring := make([]*item, size)
	x := uint64(88172645463325252)
	for {
		for i := 0; i < 64; i++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			it := &item{}
			it.data[x%200] = byte(x)
			for j := range it.data {
				it.data[j] ^= byte(x >> (j & 31))
			}
			ring[x%uint64(size)] = it
		}
		c.ops.Add(64)
	}
}

func report() {
	runtime.ReadMemStats(&stats)
	ready.Report(true, func(l *ready.Line) {
		l.KeyInt("HeapAlloc", stats.HeapAlloc)
		l.KeyInt("TotalAlloc", stats.TotalAlloc)
		l.KeyInt("Mallocs", stats.Mallocs)
		l.KeyInt("Frees", stats.Frees)
		l.KeyInt("HeapObjects", stats.HeapObjects)
		l.KeyInt("HeapInuse", stats.HeapInuse)
		l.KeyInt("HeapReleased", stats.HeapReleased)
		l.KeyInt("StackInuse", stats.StackInuse)
		l.KeyInt("NextGC", stats.NextGC)
		l.KeyInt("LastGC", stats.LastGC)
		l.KeyInt("NumGC", uint64(stats.NumGC))
		l.KeyInt("NumForcedGC", uint64(stats.NumForcedGC))
		l.KeyInt("PauseTotalNs", stats.PauseTotalNs)
		l.KeyInt("LastPause", stats.PauseNs[(stats.NumGC+255)%256])
		l.KeyInt("GCCPUFractionE9", uint64(stats.GCCPUFraction*1e9))
		l.KeyInt("NumGoroutine", uint64(runtime.NumGoroutine()))
		for i, k := range keys {
			l.KeyInt("metrics_"+k, samples[i].Value.Uint64())
		}
	})
}

func main() {
	seconds := flag.Int("seconds", 300, "end after so many seconds")
	items := flag.Int("items", 20000, "small objects to keep")
	megabytes := flag.Int("mb", 8, "large objects of a mebibyte to keep")
	parked := flag.Int("parked", 40, "goroutines that wait for a channel")
	load := flag.Int("load", 0, "goroutines that work all the time")
	ring := flag.Int("ring", 50000, "objects that each of these keeps")
	profile := flag.Bool("profile", false, "write the heap profile to stderr first")
	flag.Parse()
	ready.Begin(*seconds)
	if *profile {
		pprof.WriteHeapProfile(os.Stderr) // without a call of it the linker turns the memory profile off
	}
	if *load > 0 {
		runtime.GOMAXPROCS(*load)
	}
	lock.Lock()
	keep(*items)
	keepBig(*megabytes)
	start(*parked, receive)
	start(7, choose)
	start(3, locked)
	start(2, asleep)
	counters = make([]counter, *load)
	for i := range counters {
		go work(&counters[i], *ring)
	}
	answer := func() {
		metrics.Read(samples)
		report()
	}
	time.Sleep(50 * time.Millisecond)
	runtime.GC()
	metrics.Read(samples) // allocates at first
	answer()
	in := make([]byte, 16)
	for {
		n, err := os.Stdin.Read(in)
		if n == 0 || err != nil {
			os.Exit(0)
		}
		switch in[0] {
		case 'g':
			runtime.GC()
			answer()
		case 'a':
			keep(5000)
			keepBig(2)
			answer()
		case 'p':
			start(100, receive)
			time.Sleep(50 * time.Millisecond)
			answer()
		case 'c':
			total := uint64(0)
			for i := range counters {
				total += counters[i].ops.Load()
			}
			ready.Report(false, func(l *ready.Line) { l.KeyInt("ops", total) })
		default:
			answer()
		}
	}
}
