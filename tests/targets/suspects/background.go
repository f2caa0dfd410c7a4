package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// The background is about 3 MB that any service might hold, in ten parts of about the same size, none of which grows.

type userRecord struct {
	ID    uint64
	Name  string
	Email string
	Roles []string
	Seen  time.Time
}

type pageTemplate struct {
	Name string
	Body []byte
}

type exchangeRate struct {
	From, To [4]byte
	Rate     float64
	At       int64
}

type country struct {
	Code, Name string
	Phone      int
	Outline    []float32
}

type featureFlag struct {
	Enabled bool
	Rules   []string
	Weights [24]float64
}

type backgroundJob struct {
	ID   uint64
	Name string
}

type worker struct {
	id      int
	scratch []byte
	jobs    <-chan backgroundJob
	done    *atomic.Uint64
}

var (
	userCache     map[uint64]*userRecord
	templateCache map[string]*pageTemplate
	rateTable     []exchangeRate
	countries     []*country
	staticFiles   map[string][]byte
	featureFlags  map[string]featureFlag
	stopWords     []string
	checksums     []uint64
	accessWindow  [4096]*userRecord
	jobQueue      chan backgroundJob
	jobsDone      atomic.Uint64
	uptime        atomic.Uint64
	heartbeats    atomic.Uint64
	mainServer    *http.Server
	mainAddress   string
)

func startBackground(int) int {
	userCache = make(map[uint64]*userRecord)
	for i := uint64(0); i < 1500; i++ {
		userCache[i] = &userRecord{
			ID: i, Name: fmt.Sprintf("user %d", i), Email: fmt.Sprintf("user%d@example.org", i),
			Roles: []string{"reader"}, Seen: time.Unix(1700000000, 0),
		}
	}
	templateCache = make(map[string]*pageTemplate)
	for i := 0; i < 100; i++ {
		name := fmt.Sprintf("page-%d.html", i)
		templateCache[name] = &pageTemplate{name, bytesOf(2900, i)}
	}
	rateTable = make([]exchangeRate, 12000)
	for i := 0; i < 240; i++ {
		code := fmt.Sprintf("c%d", i)
		countries = append(countries, &country{code, "country " + code, i, make([]float32, 280)})
	}
	staticFiles = make(map[string][]byte)
	for i := 0; i < 20; i++ {
		staticFiles[fmt.Sprintf("/static/%d.js", i)] = bytesOf(14<<10, i)
	}
	featureFlags = make(map[string]featureFlag)
	for i := 0; i < 800; i++ {
		featureFlags[fmt.Sprintf("feature-%d", i)] = featureFlag{Enabled: true, Rules: []string{"all"}}
	}
	for i := 0; i < 6000; i++ {
		stopWords = append(stopWords, fmt.Sprintf("stop word number %d", i))
	}
	checksums = make([]uint64, 36000)
	for i := range accessWindow {
		accessWindow[i] = &userRecord{ID: uint64(i)}
	}
	jobQueue = make(chan backgroundJob, 64)
	for i := 0; i < 8; i++ {
		w := &worker{i, bytesOf(36<<10, i), jobQueue, &jobsDone}
		go w.run()
	}
	for i := uint64(0); i < 100; i++ {
		jobQueue <- backgroundJob{i, "warm up"}
	}
	go every(time.Second, &uptime)
	go every(3*time.Second, &heartbeats)
	serveHTTP()
	return 0
}

func (w *worker) run() {
	for job := range w.jobs {
		w.scratch[job.ID%uint64(len(w.scratch))]++
		w.done.Add(1)
	}
}

func every(interval time.Duration, count *atomic.Uint64) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for range ticker.C {
		count.Add(1)
	}
}

func serveHTTP() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if f, ok := staticFiles[r.URL.Path]; ok {
			w.Write(f)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	})
	mainAddress = l.Addr().String()
	mainServer = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go mainServer.Serve(l)
}

// bytesOf makes n bytes that look like something.
//
//go:noinline
func bytesOf(n, seed int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 64 {
		b[i] = byte('a' + (seed+i/64)%26)
	}
	return b
}

// textOf makes a string of n bytes.
//
//go:noinline
func textOf(n, seed int) string { return string(bytesOf(n, seed)) }

// spread makes well distributed keys of consecutive numbers (the finalizer of MurmurHash3).
func spread(n uint64) uint64 {
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	n *= 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}
