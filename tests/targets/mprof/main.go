// Command mprof allocates through many distinct stacks and, when it is told to, writes its own heap profile. It is told by
// lines on its standard input and answers each with one line of JSON:
//
//	profile FILE   writes FILE.pb.gz (debug=0) and FILE.txt (debug=1), and counts runtime.MemProfile's records
//	proto FILE     the first of the two only, for which the world need not stop
//	gc             runs the collector
//	more N         allocates N more objects in main.(*shelf).fill, and keeps them
//	drop           lets go of what main.(*shelf).fill allocated
//	mark ADDRESS   starts a collection and holds it in the middle of marking; ADDRESS is that of runtime.gcphase
//	unmark         lets it end
//	churn on|off   two goroutines allocate without end
//	read on|off    a goroutine reads the profile without end, which keeps it locked most of the time
//	exp N RATE     the bits of math.Exp(-16*i/RATE) for i from 1 to N
//
// In between it holds still: the collector is off, so that what a profile shows does not change.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

type shelf struct{ items [][]byte }

//go:noinline
func (s *shelf) fill(n, size int) {
	for i := 0; i < n; i++ {
		s.items = append(s.items, make([]byte, size))
	}
}

var (
	books   shelf
	hold    atomic.Bool
	held    atomic.Int32
	churn   atomic.Bool
	reading atomic.Bool
	readers sync.WaitGroup
	garbage [2][]byte
)

// spin does not let the collector pass: it calls nothing, and asynchronous preemption is off (GODEBUG).
//
//go:noinline
func spin(phase *uint32) {
	for atomic.LoadUint32(phase) == 0 {
	}
	held.Store(int32(atomic.LoadUint32(phase)))
	for i := 0; i < 1<<37 && hold.Load(); i++ {
	}
	held.Store(0)
}

// mark leaves the collector marking. What it says is the phase that it is held in.
func mark(phase *uint32) uint32 {
	// else those that allocate would be made to help, and wait for work that never comes
	debug.SetGCPercent(-1)
	for try := 0; try < 100; try++ {
		hold.Store(true)
		started, done := make(chan bool), make(chan bool)
		go func() {
			started <- true
			runtime.GC()
			done <- true
		}()
		<-started
		go func() {
			// the start of a collection stops all goroutines, this one too: it spins when that is over
			for atomic.LoadUint32(phase) == 0 {
				runtime.Gosched()
			}
			spin(phase)
		}()
		for held.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		if atomic.LoadUint32(phase) == 1 {
			go func() { <-done }()
			return 1
		}
		hold.Store(false)
		<-done
	}
	return 0
}

func write(names ...string) map[string]any {
	profile := pprof.Lookup("heap")
	for debug, name := range names {
		f, err := os.Create(name)
		if err != nil {
			return map[string]any{"error": err.Error()}
		}
		if err := profile.WriteTo(f, debug); err != nil {
			return map[string]any{"error": err.Error()}
		}
		f.Close()
	}
	records := make([]runtime.MemProfileRecord, 100000)
	n, _ := runtime.MemProfile(records, true)
	var allocs, frees int64
	for _, r := range records[:n] {
		allocs += r.AllocObjects
		frees += r.FreeObjects
	}
	return map[string]any{"records": n, "allocs": allocs, "frees": frees, "rate": runtime.MemProfileRate}
}

func answer(words []string) map[string]any {
	switch words[0] {
	case "profile":
		return write(words[1]+".pb.gz", words[1]+".txt")
	case "proto":
		return write(words[1] + ".pb.gz")
	case "gc":
		runtime.GC()
	case "more":
		n, _ := strconv.Atoi(words[1])
		books.fill(n, 3000)
	case "drop":
		books.items = nil
	case "mark":
		at, _ := strconv.ParseUint(words[1], 0, 64)
		address := uintptr(at)
		return map[string]any{"phase": mark(*(**uint32)(unsafe.Pointer(&address)))}
	case "unmark":
		hold.Store(false)
	case "churn":
		on := words[1] == "on"
		if on && !churn.Swap(true) {
			for i := range garbage {
				go func(i int) {
					for n := 1; churn.Load(); n++ {
						garbage[i] = make([]byte, 100+n%5000)
					}
				}(i)
			}
		}
		churn.Store(on)
	case "read":
		on := words[1] == "on"
		if on && !reading.Swap(true) {
			readers.Add(1)
			go func() {
				defer readers.Done()
				for records := make([]runtime.MemProfileRecord, 100000); reading.Load(); {
					runtime.MemProfile(records, true)
				}
			}()
		}
		if reading.Store(on); !on {
			readers.Wait()
		}
	case "exp":
		n, _ := strconv.Atoi(words[1])
		rate, _ := strconv.ParseFloat(words[2], 64)
		bits := make([]uint64, n)
		for i := range bits {
			bits[i] = math.Float64bits(math.Exp(-float64(16*(i+1)) / rate))
		}
		return map[string]any{"bits": bits}
	default:
		return map[string]any{"error": "no such command"}
	}
	return map[string]any{"done": words[0]}
}

func main() {
	stacks := flag.Int("stacks", 200, "how many distinct stacks main.left and main.right make")
	links := flag.Int("links", 0, "length of a list that takes the collector a while to mark")
	collect := flag.Bool("gc", true, "run the collector before it says that it is ready")
	busy := flag.Bool("busy", false, "leave the collector on")
	flag.Parse()
	if !*busy {
		debug.SetGCPercent(-1)
	}
	everything(*stacks)
	chain(*links)
	books.fill(7, 3000)
	if *collect {
		// what was allocated is published two collections later
		for i := 0; i < 3; i++ {
			runtime.GC()
		}
	}
	out := json.NewEncoder(os.Stdout)
	fmt.Printf("READY {\"pid\": %d}\n", os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Fields(in.Text())
		if len(words) == 0 {
			continue
		}
		out.Encode(answer(words))
	}
}
