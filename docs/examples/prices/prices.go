// Command prices answers what an item costs: the best of what a supplier offers.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

type offer struct {
	Item, Shop string
	Cents      int64
	Terms      [96]byte
}

type server struct {
	mu    sync.Mutex
	cache map[string]offer
	asked int
}

// ask asks the supplier, which is slow for one item in four.
func (s *server) ask(item string) []offer {
	s.mu.Lock()
	s.asked++
	slow := s.asked%4 == 0
	s.mu.Unlock()
	if slow {
		time.Sleep(80 * time.Millisecond)
	}
	offers := make([]offer, 200)
	for i := range offers {
		offers[i] = offer{Item: item, Shop: fmt.Sprintf("shop %d", i), Cents: int64(1000 + i)}
	}
	return offers
}

// offers is ask with a limit of time.
func (s *server) offers(ctx context.Context, item string) ([]offer, error) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	found := make(chan []offer)
	go func() {
		found <- s.ask(item)
	}()
	select {
	case offers := <-found:
		return offers, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *server) price(w http.ResponseWriter, r *http.Request) {
	item := r.URL.Query().Get("item")
	offers, err := s.offers(r.Context(), item)
	if err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
		return
	}
	s.mu.Lock()
	if len(s.cache) > 500 {
		clear(s.cache)
	}
	s.cache[item] = offers[0]
	s.mu.Unlock()
	json.NewEncoder(w).Encode(offers[0])
}

func main() {
	s := &server{cache: map[string]offer{}}
	http.HandleFunc("/price", s.price)
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
