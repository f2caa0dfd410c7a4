// Command storm allocates as fast as it can from several goroutines with a small GOGC, so that a capture at a random
// moment meets every phase of the collector: marking, sweeping, growing maps, starting and ending goroutines.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"gosnap.test/ready"
)

type Link struct {
	Next *Link
	Data [3]int
}

type Record struct {
	Name  string
	Parts []*Part
	Index map[string]*Part
	Prev  *Record
}

type Part struct {
	Label string
	Size  float64
	Owner *Record
}

type Wide struct {
	Refs [200]*Part // more than 512 bytes: has a malloc header from Go 1.22 on
}

// state is what one worker keeps; most of it is replaced all the time.
type state struct {
	records  []*Record
	byName   map[string]*Record
	links    *Link
	wide     []*Wide
	large    [][]*Part
	queue    chan *Part
	calls    []func() int
	anything map[int]any
	bytes    [][]byte
}

var (
	workers []*state
	steps   atomic.Int64
	ended   atomic.Int64
)

func newRecord(name string, n int, prev *Record) *Record {
	r := &Record{Name: name, Index: make(map[string]*Part), Prev: prev}
	for i := 0; i < n; i++ {
		p := &Part{Label: fmt.Sprintf("%s/%d", name, i), Size: float64(i), Owner: r}
		r.Parts = append(r.Parts, p)
		r.Index[p.Label] = p
	}
	return r
}

func work(s *state, id, slots int) {
	s.records = make([]*Record, slots)
	s.byName = make(map[string]*Record)
	s.anything = make(map[int]any)
	s.queue = make(chan *Part, 256)
	s.wide = make([]*Wide, 32)
	s.large = make([][]*Part, 4)
	s.bytes = make([][]byte, 64)
	random := uint64(id)*0x9e3779b97f4a7c15 + 1
	for step := 0; ; step++ {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		slot := int(random % uint64(slots))
		if old := s.records[slot]; old != nil {
			delete(s.byName, old.Name)
		}
		r := newRecord(fmt.Sprintf("w%d-%d", id, step), int(random>>32%12), nil)
		if other := s.records[(slot+1)%slots]; other != nil && random&0xf00 == 0 {
			r.Prev = other
			other.Prev = nil // else a chain of all records ever made would stay
		}
		s.records[slot] = r
		s.byName[r.Name] = r

		s.links = &Link{Next: s.links}
		if step%500 == 0 {
			s.links = nil
		}
		if step%7 == 0 && len(r.Parts) > 0 {
			w := new(Wide)
			for i := range w.Refs {
				w.Refs[i] = r.Parts[i%len(r.Parts)]
			}
			s.wide[step/7%len(s.wide)] = w
			select {
			case s.queue <- r.Parts[0]:
			default:
				<-s.queue
			}
			s.anything[step%300] = r.Parts[0]
			s.calls = append(s.calls, func() int { return len(r.Parts) + step })
			if len(s.calls) > 100 {
				s.calls = nil
			}
		}
		if step%11 == 0 {
			s.bytes[step/11%len(s.bytes)] = []byte(r.Name + " as bytes, of a length that varies"[:10+step%20])
			s.anything[step%300] = step
		}
		if step%1000 == 0 {
			large := make([]*Part, 8192)
			for i := range large {
				if from := s.records[i%slots]; from != nil && len(from.Parts) > 0 {
					large[i] = from.Parts[0]
				}
			}
			s.large[step/1000%len(s.large)] = large
		}
		if step%50 == 0 {
			go func(r *Record, done *atomic.Int64) {
				deep(r, int(random%40))
				done.Add(1)
			}(r, &ended)
		}
		steps.Add(1)
	}
}

// deep grows a stack, so that it is moved while it holds pointers.
func deep(r *Record, n int) int {
	var frame [64]*Record
	frame[n%64] = r
	if n == 0 {
		return len(r.Parts)
	}
	return deep(frame[n%64], n-1) + len(frame)
}

func main() {
	seconds := flag.Int("seconds", 600, "end after so many seconds")
	gogc := flag.Int("gogc", 20, "GOGC")
	n := flag.Int("workers", 3, "goroutines that allocate")
	mb := flag.Int("mb", 30, "about so much memory stays alive")
	beat := flag.String("hb", "", "write a heartbeat to this file")
	flag.Parse()
	ready.Begin(*seconds)
	if *beat != "" {
		if err := ready.Heartbeat(*beat, 5*time.Millisecond); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	debug.SetGCPercent(*gogc)
	// A record with its parts is about 1 KB.
	slots := *mb * 1000 / *n
	workers = make([]*state, *n)
	for i := range workers {
		workers[i] = new(state)
		go work(workers[i], i, slots)
	}
	// Ready when every worker has filled its slots about twice, so that there is garbage to find.
	for steps.Load() < int64(2*slots**n) {
		time.Sleep(5 * time.Millisecond)
	}
	report := func() {
		ready.Report(false, func(l *ready.Line) {
			l.KeyInt("steps", uint64(steps.Load()))
			l.KeyInt("ended", uint64(ended.Load()))
		})
	}
	report()
	ready.Wait(func(byte) { report() })
}
