// Command allocs has functions that are known to allocate so many objects of known types, and holders that are known to
// keep so many of them. Each function that allocates counts for itself, where it does so; what it says when it is ready:
//
//	"made"    by function, type and holder: how many of its objects are held there; "" is nowhere: they are garbage
//	"lines"   by function: the line in which it allocates
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
	Key   int
	Value *Session
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
	made     = map[string]int{}
	lines    = map[string]int{}
)

// said counts what a function allocates, and notes that it does so in the line below the call.
func said(function, kind, holder string) {
	if _, known := made[function+" "+kind+" "+holder]; !known {
		_, _, line, _ := runtime.Caller(1)
		lines[function+" "+kind] = line + 1
	}
	made[function+" "+kind+" "+holder]++
}

//go:noinline
func newAccount(n int, holder string) *Account {
	said("main.newAccount", "main.Account", holder)
	return &Account{Name: "account"}
}

//go:noinline
func newSession(n int, holder string) *Session {
	said("main.newSession", "main.Session", holder)
	s := &Session{ID: n}
	said("main.newSession", "[]uint8", holder)
	s.Data = make([]byte, 1000)
	s.User = newAccount(n, holder)
	return s
}

//go:noinline
func login(n int) {
	for i := 0; i < n; i++ {
		said("main.login", "", "sessions")
		sessions[len(sessions)] = newSession(i, "sessions")
	}
}

//go:noinline
func restore(n int) {
	for i := 0; i < n; i++ {
		said("main.restore", "", "sessions")
		sessions[len(sessions)] = newSession(i, "sessions")
	}
}

//go:noinline
func (c *Cache) Put(s *Session) {
	said("main.(*Cache).Put", "main.Entry", "cache")
	e := &Entry{Value: s}
	c.entries = append(c.entries, e)
}

//go:noinline
func (c *Cache) adopt(n int) {
	for i := 0; i < n; i++ {
		said("main.(*Cache).adopt", "", "cache")
		c.spare = append(c.spare, newSession(i, "cache"))
	}
}

//go:noinline
func warm() {
	for i := 0; i < 150; i++ {
		said("main.warm", "", "cache")
		cache.Put(sessions[i])
	}
}

// push is small enough to be inlined.
func push[T any](list *Box[T], value T) *Box[T] { return &Box[T]{value, list} }

//go:noinline
func fillBoxes(n int) {
	for i := 0; i < n; i++ {
		said("main.fillBoxes", "main.Box[int]", "boxes")
		boxes = push(boxes, i)
	}
}

//go:noinline
func newJob(n int) *Job {
	said("main.newJob", "main.Job", "worker")
	return &Job{ID: n}
}

// worker has its jobs on its stack alone.
func worker(n int, ready chan<- bool, wait <-chan bool) {
	jobs := make([]*Job, 0, n)
	for i := 0; i < n; i++ {
		jobs = append(jobs, newJob(i))
	}
	ready <- true
	<-wait
	runtime.KeepAlive(jobs)
}

//go:noinline
func (b *blobStore) load(n int) {
	for i := 0; i < n; i++ {
		said("main.(*blobStore).load", "[]uint8", "blobs")
		b.items = append(b.items, make([]byte, 64<<10))
	}
}

//go:noinline
func (b *blobStore) reload(n int) {
	for i := 0; i < n; i++ {
		said("main.(*blobStore).reload", "[]uint8", "blobs")
		b.items = append(b.items, make([]byte, 64<<10))
	}
}

// forget makes garbage, in a goroutine of its own so that no stack of others refers to any of it.
func forget(n int, done chan<- bool) {
	for i := 0; i < n; i++ {
		said("main.forget", "", "")
		runtime.KeepAlive(newSession(i, ""))
	}
	done <- true
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
	return map[string]any{"made": made, "lines": lines}
}

func main() {
	scale := flag.Int("scale", 1, "so many times as many sessions and blobs")
	garbage := flag.Int("garbage", 30, "sessions that are garbage")
	flag.Parse()
	ready.Begin(600)
	login(300 * *scale)
	restore(120 * *scale)
	warm()
	cache.adopt(50)
	fillBoxes(40)
	blobs.load(40 * *scale)
	blobs.reload(20 * *scale)
	started, wait := make(chan bool), make(chan bool)
	go worker(70, started, wait)
	<-started
	ready.Settle()
	go forget(*garbage, started)
	<-started
	out := json.NewEncoder(os.Stdout)
	fmt.Print("READY ")
	out.Encode(map[string]any{"made": made, "lines": lines, "pid": os.Getpid()})
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if words := strings.Fields(in.Text()); len(words) > 0 {
			out.Encode(answer(words))
		}
	}
}
