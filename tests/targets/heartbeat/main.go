// Heartbeat is the target of the safety tests. It beats every millisecond into a shared file, keeps every CPU busy
// with computations whose results it knows, allocates, and counts what a careless tracer would disturb: wrong results,
// lost signals, children that it never made.
//
// The file holds 64-bit words: 0 beats, 1 wrong results, 2 rounds of computation, 3 SIGUSR1 received,
// 4 SIGCHLD received, 5 the longest gap between two beats in ns since word 6 was set to 0, 6 reset flag.
package main

import (
	"flag"
	"math"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"gosnap.test/ready"
)

type node struct {
	next  *node
	value uint64
	pad   [4]uint64
}

var (
	words *[512]uint64
	keep  [][]*node
	sinks = map[int]*node{}
	lock  sync.Mutex
)

func wrong() { atomic.AddUint64(&words[1], 1) }

// mix uses many integer registers at once, so that a clobbered one changes the result.
func mix(seed uint64) uint64 {
	a, b, c, d, e, f := seed, seed^1, seed^2, seed^3, seed^4, seed^5
	for i := uint64(0); i < 20000; i++ {
		a = a*6364136223846793005 + b
		b = b ^ c>>7 + i
		c = c<<3 ^ d
		d = d + e*31
		e = e ^ f<<11
		f = f + a>>5
	}
	return a ^ b ^ c ^ d ^ e ^ f
}

func wave(n int) float64 {
	s := 0.0
	for i := 0; i < n; i++ {
		s += math.Sqrt(float64(i)) * math.Sin(float64(i))
	}
	return s
}

func compute(want uint64, float float64) {
	for {
		if mix(42) != want || wave(3000) != float {
			wrong()
		}
		atomic.AddUint64(&words[2], 1)
	}
}

func allocate(id int) {
	for round := uint64(0); ; round++ {
		var head *node
		for i := uint64(0); i < 1000; i++ {
			head = &node{next: head, value: round ^ i}
		}
		n := uint64(1000)
		for p := head; p != nil; p = p.next {
			n--
			if p.value != round^n {
				wrong()
			}
		}
		if n != 0 {
			wrong()
		}
		lock.Lock()
		sinks[id] = head
		lock.Unlock()
		time.Sleep(time.Millisecond)
	}
}

func beat() {
	last := time.Now()
	for {
		time.Sleep(time.Millisecond)
		now := time.Now()
		gap := uint64(now.Sub(last))
		last = now
		if atomic.LoadUint64(&words[6]) == 0 {
			atomic.StoreUint64(&words[5], 0)
			atomic.StoreUint64(&words[6], 1)
		} else if gap > atomic.LoadUint64(&words[5]) {
			atomic.StoreUint64(&words[5], gap)
		}
		atomic.AddUint64(&words[0], 1)
	}
}

func main() {
	path := flag.String("file", "", "shared file for the words")
	megabytes := flag.Int("mb", 32, "heap to build first")
	spinners := flag.Int("spin", 2, "goroutines that compute")
	allocators := flag.Int("alloc", 2, "goroutines that allocate")
	parked := flag.Int("parked", 2, "threads that wait in the kernel for good")
	flag.Parse()
	ready.Begin(900)

	file, err := os.OpenFile(*path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = file.Truncate(4096)
	}
	if err != nil {
		panic(err)
	}
	shared, err := syscall.Mmap(int(file.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	words = (*[512]uint64)(unsafe.Pointer(&shared[0]))

	for i := 0; i < *megabytes; i++ {
		batch := make([]*node, 1<<20/56)
		for j := range batch {
			batch[j] = &node{value: uint64(j)}
		}
		keep = append(keep, batch)
	}

	signals := make(chan os.Signal, 4096)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGCHLD)
	go func() {
		for s := range signals {
			if s == syscall.SIGUSR1 {
				atomic.AddUint64(&words[3], 1)
			} else {
				atomic.AddUint64(&words[4], 1)
			}
		}
	}()
	for i := 0; i < *parked; i++ {
		go func() {
			runtime.LockOSThread()
			select {}
		}()
	}
	want, float := mix(42), wave(3000)
	for i := 0; i < *spinners; i++ {
		go compute(want, float)
	}
	for i := 0; i < *allocators; i++ {
		go allocate(i)
	}
	go beat()
	ready.Report(false, nil)
	ready.Wait(nil)
}
