package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Nothing leaks here: a tool that names a suspect is wrong.
var healthyCases = []scenario{
	{
		Name: "healthy-idle-server", Kind: healthy, fill: serveSome,
		What: "an HTTP server that answered some requests over loopback and is idle, with connections kept alive",
	},
	{
		Name: "healthy-worker-pool", Kind: healthy, fill: workSome,
		What: "sixteen workers with a buffer each, and a queue that is short and empty",
	},
	{
		Name: "healthy-many-holders", Kind: healthy, fill: holdMany,
		What: "sixteen globals of four shapes and 2 MB each: 35 MB, none with a tenth of it",
	},
	{
		Name: "healthy-request-churn", Kind: healthy, fill: churn, uncollected: true,
		What: "30 MB of garbage that no collection has found yet, and 64 recent requests that are live",
	},
	{
		Name: "healthy-small", Kind: healthy, fill: small, alone: true,
		What: "hardly any heap: without even the background",
	},
	{
		Name: "healthy-freed", Kind: healthy, fill: allocateAndFree,
		What: "160 MB were allocated and are free again",
	},
	{
		Name: "healthy-pool", Kind: healthy, fill: usePool,
		What: "a sync.Pool with a few buffers of 16 kB, in use",
	},
	{
		Name: "healthy-tickers", Kind: healthy, fill: tickSome,
		What: "a service of twelve tickers, each with a window of fixed size",
	},
	{
		Name: "healthy-pipeline", Kind: healthy, fill: pipe,
		What: "a pipeline of four stages in progress, with short channels between them",
	},
	{
		Name: "healthy-bounded-lrus", Kind: healthy, fill: fillLRUs,
		What: "twelve LRUs of similar size, all at their limit",
	},
}

// An answer to "grow" is how much work was done so far.
var work atomic.Int64

var keptAlive *http.Client

func serveSome(percent int) int {
	if keptAlive == nil {
		keptAlive = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	}
	var all sync.WaitGroup
	for c := 0; c < 4; c++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < percent/2; i++ {
				response, err := keptAlive.Get(fmt.Sprintf("http://%s/static/%d.js", mainAddress, i%24))
				if err != nil {
					continue
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				work.Add(1)
			}
		}()
	}
	all.Wait()
	return int(work.Load())
}

type resizeJob struct {
	Name   string
	Width  int
	Height int
}

type resizer struct {
	pixels []byte
	jobs   <-chan resizeJob
}

func (r *resizer) run() {
	for job := range r.jobs {
		for i := 0; i < job.Width*job.Height; i++ {
			r.pixels[i%len(r.pixels)]++
		}
		work.Add(1)
	}
}

var resizeQueue chan resizeJob

func workSome(percent int) int {
	if resizeQueue == nil {
		resizeQueue = make(chan resizeJob, 32)
		for i := 0; i < 16; i++ {
			r := &resizer{bytesOf(96<<10, i), resizeQueue}
			go r.run()
		}
	}
	goal := work.Load() + int64(20*percent)
	for i := 0; i < 20*percent; i++ {
		resizeQueue <- resizeJob{fmt.Sprintf("image %d", i), 64, 64}
	}
	for work.Load() < goal {
		time.Sleep(time.Millisecond)
	}
	return int(work.Load())
}

type holding struct {
	Name  string
	Bytes [180]byte
}

var (
	accounts, contacts, invoices, shipments map[uint64]*holding
	products, vendors, prices, stock        []*holding
	tariffs, postcodes, holidays, offsets   []uint64
	icons, fonts, scripts, styles           [][]byte
)

func holdMany(int) int {
	if accounts == nil {
		for _, m := range []*map[uint64]*holding{&accounts, &contacts, &invoices, &shipments} {
			*m = make(map[uint64]*holding)
			for i := uint64(0); i < 8200; i++ {
				(*m)[spread(i)] = &holding{Name: "held"}
			}
		}
		for _, s := range []*[]*holding{&products, &vendors, &prices, &stock} {
			*s = make([]*holding, 10000)
			for i := range *s {
				(*s)[i] = &holding{Name: "held"}
			}
		}
		for _, s := range []*[]uint64{&tariffs, &postcodes, &holidays, &offsets} {
			*s = make([]uint64, 262144)
		}
		for _, s := range []*[][]byte{&icons, &fonts, &scripts, &styles} {
			for i := 0; i < 256; i++ {
				*s = append(*s, bytesOf(8<<10, i))
			}
		}
	}
	return int(work.Add(1))
}

var recent [64]*http.Request

func churn(percent int) int {
	for i := 0; i < 12*percent; i++ {
		n := work.Add(1)
		r := newRequest(int(n), bytesOf(9<<10, i))
		var out bytes.Buffer
		io.Copy(&out, r.Body)
		if strings.Contains(out.String(), "never") {
			return 0
		}
		recent[n%64] = newRequest(int(n), nil)
	}
	return int(work.Load())
}

type setting struct {
	key, value string
}

var settings [8]*setting

func small(int) int {
	for i := range settings {
		settings[i] = &setting{fmt.Sprintf("key%d", i), "value"}
	}
	return int(work.Add(1))
}

func allocateAndFree(percent int) int {
	var parts [][]byte
	table := make(map[uint64]*holding)
	for i := 0; i < 16*percent/10; i++ {
		parts = append(parts, bytesOf(512<<10, i))
	}
	for i := uint64(0); i < uint64(3500*percent); i++ {
		table[i] = &holding{Name: "for now"}
	}
	work.Add(int64(len(parts) + len(table)))
	debug.FreeOSMemory()
	return int(work.Load())
}

var responsePool = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

func usePool(percent int) int {
	var all sync.WaitGroup
	for c := 0; c < 8; c++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 10*percent; i++ {
				b := responsePool.Get().(*[]byte)
				(*b)[i%len(*b)]++
				responsePool.Put(b)
				work.Add(1)
			}
		}()
	}
	all.Wait()
	return int(work.Load())
}

type window struct {
	name   string
	values [3000]float64
	next   int
}

var windows [12]*window

func (w *window) run() {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for now := range ticker.C {
		w.values[w.next%len(w.values)] = float64(now.UnixNano())
		w.next++
		work.Add(1)
	}
}

func tickSome(int) int {
	if windows[0] == nil {
		for i := range windows {
			windows[i] = &window{name: fmt.Sprintf("window %d", i)}
			go windows[i].run()
		}
	}
	time.Sleep(200 * time.Millisecond)
	return int(work.Load())
}

type packet struct {
	number int
	data   []byte
	sum    uint64
}

var pipeline chan *packet

func stage(in <-chan *packet, out chan<- *packet, f func(*packet)) {
	for p := range in {
		f(p)
		out <- p
	}
}

func pipe(int) int {
	if pipeline == nil {
		pipeline = make(chan *packet, 8)
		parsed, summed, packed := make(chan *packet, 8), make(chan *packet, 8), make(chan *packet, 8)
		go stage(pipeline, parsed, func(p *packet) { p.data[0] = 'p' })
		go stage(parsed, summed, func(p *packet) { p.sum = spread(uint64(p.number)) })
		go stage(summed, packed, func(p *packet) { p.data = p.data[:len(p.data)/2] })
		go func() {
			for p := range packed {
				work.Add(int64(p.sum&1) + 1)
				time.Sleep(5 * time.Millisecond)
			}
		}()
		go func() {
			for i := 0; ; i++ {
				pipeline <- &packet{number: i, data: bytesOf(8<<10, i)}
			}
		}()
	}
	time.Sleep(200 * time.Millisecond)
	return int(work.Load())
}

var (
	avatarLRU, pageLRU, queryLRU, styleLRU, tokenLRU, routeLRU   *LRU
	priceLRU, geoLRU, mailLRU, searchLRU, sessionLRU, invoiceLRU *LRU
)

func fillLRUs(percent int) int {
	for n, l := range []**LRU{
		&avatarLRU, &pageLRU, &queryLRU, &styleLRU, &tokenLRU, &routeLRU,
		&priceLRU, &geoLRU, &mailLRU, &searchLRU, &sessionLRU, &invoiceLRU,
	} {
		if *l == nil {
			*l = newLRU(480 + 10*n)
		}
		for i := 0; i < 20*percent; i++ {
			(*l).add(fmt.Sprintf("key-%d", work.Add(1)), bytesOf(2000, i))
		}
	}
	return int(work.Load())
}
