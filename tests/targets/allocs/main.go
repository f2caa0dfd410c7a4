// Command allocs has functions that are known to allocate so many objects of known types, and holders that are known to
// keep so many of them. Each function counts what it makes, where it does so; what the program says when it is ready:
//
//	"made"    a list of {"function", "type", "holder", "count"}: so many of its objects are held there; holder "" is
//	          nowhere: they are garbage; type "" is of all that was made below a call of the function
//
// The line in which a function allocates ends in a comment: "// makes TYPE".
//
// It obeys lines on its standard input: "profile FILE" writes the heap profile, as runtime/pprof has it after two
// collections; "grow" adds half as many blobs again, by main.(*blobStore).reload.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"

	"gosnap.test/ready"
)

type Session struct {
	ID   int
	User *Account
	Data []byte
}

type Account struct{ Name, Mail string }

type Entry struct {
	Key  int
	Next *Entry
}

type Job struct {
	ID   int
	Load [10]int
}

// Box is generic: its functions have the shapes of their type arguments in their names.
type Box[T any] struct {
	Value T
	Next  *Box[T]
}

type Cache struct {
	entries []*Entry
	spare   []*Session
}

type blobStore struct{ items [][]byte }

var (
	sessions = map[int]*Session{}
	cache    Cache
	boxes    *Box[int]
	blobs    blobStore
	stop     = make(chan bool)
	counts   [len(known)]int
)

// site is what a function makes for a holder: an index of known.
type site int

const (
	nowhere site = iota
	inSessions
	inCache
)

var known = [...][3]string{
	{"main.newAccount", "main.Account", ""}, {"main.newAccount", "main.Account", "sessions"}, {"main.newAccount", "main.Account", "cache"},
	{"main.newSession", "main.Session", ""}, {"main.newSession", "main.Session", "sessions"}, {"main.newSession", "main.Session", "cache"},
	{"main.newSession", "[]uint8", ""}, {"main.newSession", "[]uint8", "sessions"}, {"main.newSession", "[]uint8", "cache"},
	{"main.login", "", "sessions"}, {"main.restore", "", "sessions"}, {"main.(*Cache).adopt", "", "cache"}, {"main.forget", "", ""},
	{"main.(*Cache).Put", "main.Entry", "cache"},
	{"main.fillBoxes", "main.Box[int]", "boxes"},
	{"main.newJob", "main.Job", "worker"},
	{"main.(*blobStore).load", "[]uint8", "blobs"}, {"main.(*blobStore).reload", "[]uint8", "blobs"},
}

//go:noinline
func newAccount(at site) *Account {
	counts[0+at]++
	return &Account{Name: "account"} // makes main.Account
}

//go:noinline
func newSession(n int, at site) *Session {
	counts[3+at]++
	s := &Session{ID: n} // makes main.Session
	counts[6+at]++
	s.Data = make([]byte, 1000) // makes []uint8
	s.User = newAccount(at)
	return s
}

//go:noinline
func login(n int) {
	for i := 0; i < n; i++ {
		counts[9]++
		sessions[len(sessions)] = newSession(i, inSessions)
	}
}

//go:noinline
func restore(n int) {
	for i := 0; i < n; i++ {
		counts[10]++
		sessions[len(sessions)] = newSession(i, inSessions)
	}
}

//go:noinline
func (c *Cache) adopt(n int) {
	for i := 0; i < n; i++ {
		counts[11]++
		c.spare = append(c.spare, newSession(i, inCache))
	}
}

// forget makes garbage, in a goroutine of its own so that no stack of others refers to any of it.
func forget(n int, done chan<- bool) {
	for i := 0; i < n; i++ {
		counts[12]++
		runtime.KeepAlive(newSession(i, nowhere))
	}
	done <- true
}

//go:noinline
func (c *Cache) Put(n int) {
	counts[13]++
	e := &Entry{Key: n} // makes main.Entry
	c.entries = append(c.entries, e)
}

// push is small enough to be inlined.
func push[T any](list *Box[T], value T) *Box[T] { return &Box[T]{value, list} }

//go:noinline
func fillBoxes(n int) {
	for i := 0; i < n; i++ {
		counts[14]++
		boxes = push(boxes, i) // makes main.Box[int]
	}
}

//go:noinline
func newJob(n int) *Job {
	counts[15]++
	return &Job{ID: n} // makes main.Job
}

// worker is held by the stack of its goroutine alone.
type worker struct{ jobs []*Job }

//go:noinline
func (w *worker) run(n int, ready chan<- bool) {
	for i := 0; i < n; i++ {
		w.jobs = append(w.jobs, newJob(i))
	}
	ready <- true
	<-stop
	runtime.KeepAlive(w)
}

//go:noinline
func (b *blobStore) load(n int) {
	for i := 0; i < n; i++ {
		counts[16]++
		b.items = append(b.items, make([]byte, 64<<10)) // makes []uint8
	}
}

//go:noinline
func (b *blobStore) reload(n int) {
	for i := 0; i < n; i++ {
		counts[17]++
		b.items = append(b.items, make([]byte, 64<<10)) // makes []uint8
	}
}

func made() (list []map[string]any) {
	for i, k := range known {
		list = append(list, map[string]any{"function": k[0], "type": k[1], "holder": k[2], "count": counts[i]})
	}
	return list
}

func answer(words []string) map[string]any {
	switch words[0] {
	case "profile":
		runtime.GC()
		runtime.GC()
		f, err := os.Create(words[1])
		if err != nil {
			return map[string]any{"error": err.Error()}
		}
		defer f.Close()
		if err := pprof.Lookup("heap").WriteTo(f, 0); err != nil {
			return map[string]any{"error": err.Error()}
		}
	case "grow":
		blobs.reload(len(blobs.items) / 2)
	default:
		return map[string]any{"error": "no such command"}
	}
	return map[string]any{"made": made()}
}

func main() {
	scale := flag.Int("scale", 1, "so many times as many sessions and blobs")
	garbage := flag.Int("garbage", 30, "sessions that are garbage")
	flag.Parse()
	ready.Begin(600)
	login(300 * *scale)
	restore(120 * *scale)
	for i := 0; i < 150; i++ {
		cache.Put(i)
	}
	cache.adopt(50)
	fillBoxes(40)
	blobs.load(40 * *scale)
	blobs.reload(20 * *scale)
	started := make(chan bool)
	go new(worker).run(70, started)
	<-started
	ready.Settle()
	go forget(*garbage, started)
	<-started
	out := json.NewEncoder(os.Stdout)
	fmt.Print("READY ")
	out.Encode(map[string]any{"made": made(), "pid": os.Getpid()})
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if words := strings.Fields(in.Text()); len(words) > 0 {
			out.Encode(answer(words))
		}
	}
}
