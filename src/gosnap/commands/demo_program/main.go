// Command leaky is a shop that forgets nothing: it keeps a session for each visitor and ends none. Its cache is as
// large, but bounded, so it does not grow. It ends by itself when its standard input is closed, or at 200 MB.
package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

type Item struct {
	Name  string
	Price float64
	Photo []byte
}

type Session struct {
	ID      string
	Visitor string
	Started time.Time
	Cart    []*Item
}

type page struct {
	url  string
	html []byte
}

const pages = 500

var (
	mu       sync.Mutex
	sessions = make(map[string]*Session) // the leak: nothing is ever deleted
	cache    [pages]page                 // healthy: old pages are replaced
	visits   int
)

func picture(size, seed int) []byte {
	b := make([]byte, size)
	for i := range b {
		seed = seed*1103515245 + 12345
		b[i] = byte(seed >> 16)
	}
	return b
}

func visit(n int) {
	mu.Lock()
	defer mu.Unlock()
	s := &Session{ID: fmt.Sprintf("s-%08x", n*2654435761), Visitor: fmt.Sprintf("visitor %d", n), Started: time.Now()}
	for i := 0; i <= n%3; i++ {
		item := &Item{Name: fmt.Sprintf("item %d", n+i), Price: float64(n%100) + 0.99}
		if i == 0 {
			item.Photo = picture(2000, n)
		}
		s.Cart = append(s.Cart, item)
	}
	sessions[s.ID] = s
	p := &cache[n%pages]
	if p.html == nil {
		p.html = picture(20000, n)
	}
	p.url = "/item/" + s.ID
	visits++
}

func main() {
	for i := 0; i < 4000; i++ {
		visit(i)
	}
	go func() {
		for i := 4000; i < 60000; i++ {
			visit(i)
			time.Sleep(500 * time.Microsecond)
		}
	}()
	fmt.Println("READY")
	os.Stdin.Read(make([]byte, 1))
}
