// Command bigheap holds a heap of a given size that looks like a service's: users with strings and slices, maps, a list,
// rows of a matrix, a full channel, closures, interfaces, sub-slices that pin arrays, buffers of text, JSON and noise.
// Objects have 90 bytes on average, so 1000 MB are about 11 million. It beats while it holds them.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"gosnap.test/ready"
)

type User struct {
	ID     uint64
	Name   string
	Email  string
	Tags   []string
	Orders []*Order
	Parent *User
}

type Order struct {
	Number  int64
	Product string
	Price   float64
	Lines   []Line
}

type Line struct {
	Count int32
	Code  [4]byte
	Cents int64
}

type Node struct {
	Value int
	Next  *Node
}

type Message struct {
	From, To int64
	Body     []byte
}

type Shape interface{ Area() float64 }

type Rect struct{ W, H float64 }

func (r Rect) Area() float64 { return r.W * r.H }

type Disc struct {
	R    float64
	Name string
}

func (d *Disc) Area() float64 { return 3 * d.R * d.R }

type span struct{ from, to int }

var (
	users     map[uint64]*User
	byEmail   map[string]*User
	numbers   map[int]int
	list      *Node
	matrix    [][]float64
	messages  chan *Message
	closures  []func() int
	shapes    []Shape
	anything  []any
	windows   [][]byte // short views of large arrays
	documents [][]byte
	noise     [][]byte
	spans     []*span
	labels    []string
	only      map[int]int // -map: one map of so many entries
	chain     *Node       // -list: one list of so many nodes
	rotating  [][]byte    // -churn
	lock      sync.Mutex
)

// random is xorshift64*: fast, and the same in every run.
type random uint64

func (r *random) next() uint64 {
	x := uint64(*r)
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	*r = random(x)
	return x * 0x2545f4914f6cdd1d
}

func (r *random) below(n int) int { return int(r.next() >> 33 % uint64(n)) }

var (
	seed  = random(88172645463325252)
	words = []string{"memory", "service", "order", "customer", "invoice", "request", "response", "session", "the",
		"of", "and", "a", "in", "token", "region", "eu-west-1", "paid", "shipped", "returned", "null"}
)

func text(n int) []byte {
	b := make([]byte, 0, n)
	for len(b) < n {
		b = append(append(b, words[seed.below(len(words))]...), ' ')
		if len(b)+12 > n {
			break
		}
	}
	return b[:len(b):n]
}

func document(n int) []byte {
	b := make([]byte, 0, n)
	b = append(b, '[')
	for len(b)+110 < n {
		b = append(b, `{"id":`...)
		b = strconv.AppendUint(b, seed.next(), 10)
		b = append(b, `,"status":"`...)
		b = append(b, words[seed.below(len(words))]...)
		b = append(b, `","total":`...)
		b = strconv.AppendInt(b, int64(seed.below(100000)), 10)
		b = append(b, `,"note":"`...)
		b = append(b, words[seed.below(len(words))]...)
		b = append(b, `"},`...)
	}
	return append(b, ']')
}

func incompressible(n int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		v := seed.next()
		for j := 0; j < 8; j++ {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return b
}

// batch adds about 80 KB; the share of each kind is part of the benchmark's definition.
func batch(i int) {
	for j := 0; j < 70; j++ {
		id := uint64(i*70 + j)
		name := "user-" + strconv.FormatUint(id, 10)
		u := &User{ID: id, Name: name, Email: name + "@example.org"}
		for k := 0; k < j%3; k++ {
			u.Tags = append(u.Tags, strconv.FormatUint(seed.next()%1000000, 36))
		}
		for k := 0; k < 1+j%2; k++ {
			o := &Order{Number: int64(seed.next() >> 20), Product: words[seed.below(len(words))], Price: float64(k) + 0.99}
			if j%4 == 0 {
				o.Lines = make([]Line, 1+seed.below(4))
				o.Lines[0] = Line{Count: 1, Code: [4]byte{'A', byte('0' + k)}, Cents: int64(seed.below(9999))}
			}
			u.Orders = append(u.Orders, o)
		}
		// Chains of users stay short: at most 8.
		if j%8 != 0 {
			u.Parent = users[id-1]
		}
		users[id] = u
		if j%4 == 0 {
			byEmail[u.Email] = u
		}
		numbers[int(seed.next()>>24)] = int(id)
	}
	for j := 0; j < 100; j++ {
		list = &Node{i*100 + j, list}
		n := seed.below(1000)
		u := users[uint64(i*70+j%70)]
		if j%5 == 0 {
			closures = append(closures, func() int { n++; return n + len(u.Name) })
		}
		if j%5 == 1 {
			shapes = append(shapes, Rect{float64(n), 1}, &Disc{float64(n), words[n%len(words)]})
		}
		if j%5 == 2 {
			anything = append(anything, n+256, words[n%len(words)], float64(n)/3, u)
		}
		if j%5 == 3 {
			labels = append(labels, "label-"+strconv.Itoa(int(seed.next()>>40)))
		}
		spans = append(spans, &span{j, j + n})
	}
	row := make([]float64, 64)
	for j := range row {
		row[j] = float64(seed.below(1000)) / 8
	}
	matrix = append(matrix, row)
	if i%8 == 0 {
		select {
		case messages <- &Message{int64(i), int64(seed.below(1000)), text(200)}:
		default:
		}
	}
	for j := 0; j < 3; j++ {
		documents = append(documents, document(1024+seed.below(14_000)), text(512+seed.below(2048)))
	}
	if i%2 == 0 {
		noise = append(noise, incompressible(8192))
	}
	if i%16 == 0 {
		large := document(60_000)
		windows = append(windows, large[100:120])
	}
}

// churn replaces buffers and users for ever, at a modest rate.
func churn() {
	rotating = make([][]byte, 1000)
	for i := 0; ; i++ {
		lock.Lock()
		rotating[i%len(rotating)] = text(2000)
		lock.Unlock()
		if i%20 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func sum() uint64 {
	n := len(users) + len(byEmail) + len(numbers) + list.length() + len(matrix) + len(messages) + len(closures) +
		len(shapes) + len(anything) + len(windows) + len(documents) + len(noise) + len(spans) + len(labels) +
		len(only) + chain.length() + len(rotating)
	for _, c := range closures {
		n += c()
	}
	for _, s := range shapes {
		n += int(s.Area())
	}
	return uint64(n)
}

func (n *Node) length() (count int) {
	for ; n != nil; n = n.Next {
		count++
	}
	return count
}

func main() {
	seconds := flag.Int("seconds", 1800, "end after so many seconds")
	mb := flag.Int("mb", 100, "size of the heap in MB (10^6 bytes, by HeapAlloc)")
	beat := flag.String("hb", "", "write a heartbeat to this file")
	churning := flag.Bool("churn", false, "go on allocating")
	nodes := flag.Int("list", 0, "also hold one linked list of so many nodes")
	entries := flag.Int("map", 0, "also hold one map of so many entries")
	flag.Parse()
	ready.Begin(*seconds)

	// Building a large heap is quicker with few collections; the heap that is left is the same.
	debug.SetGCPercent(400)
	users, byEmail, numbers = make(map[uint64]*User), make(map[string]*User), make(map[int]int)
	messages = make(chan *Message, 1<<14)
	var m runtime.MemStats
	want, last := uint64(*mb)*1_000_000, uint64(0)
	for i, next := 0, 0; *mb > 0; i++ {
		if i >= next {
			runtime.ReadMemStats(&m)
			if m.HeapAlloc+(m.HeapAlloc-last)/2 >= want {
				runtime.GC()
				runtime.ReadMemStats(&m)
			}
			if m.HeapAlloc >= want {
				break
			}
			// Half of what seems to be left, so that the last look comes close to the size without passing it far.
			each := uint64(80 << 10)
			next = i + 1 + int((want-m.HeapAlloc)/each/2)
			last = m.HeapAlloc
		}
		batch(i)
	}
	for i := 0; i < *nodes; i++ {
		chain = &Node{i, chain}
	}
	if *entries > 0 {
		only = make(map[int]int)
		for i := 0; i < *entries; i++ {
			only[i] = i
		}
	}
	total := sum()
	if *churning {
		go churn()
		debug.SetGCPercent(100)
		runtime.GC()
	} else {
		ready.Settle()
	}
	// After the collections, whose pauses are none of the heartbeat's business.
	if *beat != "" {
		if err := ready.Heartbeat(*beat, 5*time.Millisecond); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		time.Sleep(100 * time.Millisecond)
	}
	report := func() {
		ready.Report(false, func(l *ready.Line) { l.KeyInt("sum", total) })
	}
	report()
	ready.Wait(func(byte) { report() })
}
