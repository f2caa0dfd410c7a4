package main

import (
	"fmt"
	"sync"
	"time"
)

var sliceCases = []scenario{
	{
		Name: "slice-pointers", Kind: leak, Pattern: "slice", Root: "global main.orders", Container: "main.orders",
		ContainerType: "[]*main.Order", Types: []string{"main.Order"},
		What: "orders are appended to a global slice for ever", fill: fillOrders,
	},
	{
		Name: "slice-structs", Kind: leak, Pattern: "slice", Root: "global main.recorder",
		Container:     "main.recorder.samples",
		ContainerType: "[]main.Sample", Field: "main.Recorder.samples", Types: []string{"[]main.Sample"},
		What: "a slice of structs: one array that doubles", fill: fillSamples,
	},
	{
		Name: "slice-behind-interface", Kind: leak, Pattern: "slice", Root: "global main.store",
		Container:     "main.store.rows",
		ContainerType: "[]*main.Row", Field: "main.memoryStore.rows", Types: []string{"main.Row"},
		What: "the global is an interface, the store behind it only ever adds", fill: fillRows,
	},
	{
		Name: "slice-ring", Kind: leak, Pattern: "slice", Root: "global main.outgoing",
		Container:     "main.outgoing.items",
		ContainerType: "[]*main.message", Field: "main.ring.items", Types: []string{"main.message", "[]uint8"},
		What: "a ring that moves its head and never drops what is behind it", fill: fillRing,
	},
	{
		Name: "slice-subscribers", Kind: leak, Pattern: "slice", Root: "global main.bus",
		Container:     "main.bus.subscribers",
		ContainerType: "[]func(main.Event)", Field: "main.EventBus.subscribers", Types: []string{"main.viewer"},
		What: "an event bus without unsubscribe: its closures keep every viewer", fill: fillSubscribers,
	},
	{
		Name: "slice-closures", Kind: leak, Pattern: "slice", Root: "global main.onShutdown",
		Container:     "main.onShutdown",
		ContainerType: "[]func()", Types: []string{"[]uint8"},
		What: "hooks in a global slice, each capturing a buffer of 48 kB", fill: fillHooks,
	},
	{
		Name: "slice-duplicate-handlers", Kind: leak, Pattern: "slice", Root: "global main.router",
		Container: "main.router.handlers[...]", ContainerType: "[]*main.routeHandler", Field: "main.Router.handlers",
		Types: []string{"main.routeHandler"}, AlsoContainers: []string{"main.router.handlers"},
		AlsoPatterns: []string{"map"},
		What:         "each reload registers the same six handlers once more: a small map of large slices", fill: fillHandlers,
	},
	{
		Name: "slice-log-buffer", Kind: leak, Pattern: "slice", Root: "global main.logBuffer",
		Container: "main.logBuffer.records", ContainerType: "[]main.logRecord", Field: "main.LogBuffer.records",
		Types: []string{"[]main.logRecord", "[]main.logField"},
		What:  "log records wait for a sink that was never attached", fill: fillLog,
	},
	{
		Name: "slice-logger-fields", Kind: leak, Pattern: "slice", Root: "global main.requestLogger",
		Container: "main.requestLogger.fields", ContainerType: "[]main.logField", Field: "main.Logger.fields",
		Types: []string{"[]main.logField", "main.requestInfo"},
		What:  "log = log.With(...) in a loop: the shared logger has a field more for each request", fill: fillFields,
	},
}

// Order is what a customer bought.
type Order struct {
	ID       uint64
	Customer *userRecord
	Items    [30]orderItem
	Placed   time.Time
}

type orderItem struct {
	SKU      uint64
	Quantity int32
	Cents    int32
}

var orders []*Order

func fillOrders(percent int) int {
	for i := 0; i < 600*percent; i++ {
		orders = append(orders, &Order{ID: uint64(len(orders)), Customer: userCache[uint64(i%1000)], Placed: time.Now()})
	}
	return len(orders)
}

// Sample is one measurement.
type Sample struct {
	At     int64
	Value  float64
	Series *string
	Low    float64
	High   float64
}

// Recorder keeps samples.
type Recorder struct {
	mu      sync.Mutex
	name    string
	samples []Sample
}

var recorder *Recorder

func fillSamples(percent int) int {
	if recorder == nil {
		recorder = &Recorder{name: "cpu"}
	}
	for i := 0; i < 8000*percent; i++ {
		recorder.samples = append(recorder.samples, Sample{At: int64(i), Value: float64(i), Series: &recorder.name})
	}
	return len(recorder.samples)
}

// Row is a row of a table.
type Row struct {
	Key     string
	Columns [20]string
}

// Store is where rows go.
type Store interface {
	Insert(*Row)
	Len() int
}

type memoryStore struct {
	mu   sync.RWMutex
	rows []*Row
}

func (m *memoryStore) Insert(r *Row) { m.rows = append(m.rows, r) }
func (m *memoryStore) Len() int      { return len(m.rows) }

//go:noinline
func newStore() Store { return &memoryStore{} }

var store Store

func fillRows(percent int) int {
	if store == nil {
		store = newStore()
	}
	for i := 0; i < 800*percent; i++ {
		row := &Row{Key: fmt.Sprintf("row-%d", store.Len())}
		row.Columns[3] = row.Key
		store.Insert(row)
	}
	return store.Len()
}

type message struct {
	to   string
	body []byte
	sent time.Time
}

type ring struct {
	head  int
	items []*message
}

func (r *ring) push(m *message) { r.items = append(r.items, m) }

func (r *ring) pop() *message {
	m := r.items[r.head]
	r.head++
	return m
}

var outgoing *ring

func fillRing(percent int) int {
	if outgoing == nil {
		outgoing = new(ring)
	}
	for i := 0; i < 300*percent; i++ {
		outgoing.push(&message{to: "someone@example.org", body: bytesOf(1000, i)})
		outgoing.pop().sent = time.Now()
	}
	return len(outgoing.items)
}

// Event is what happens.
type Event struct {
	Topic string
	At    time.Time
}

// EventBus tells its subscribers.
type EventBus struct {
	mu          sync.Mutex
	subscribers []func(Event)
}

func (b *EventBus) subscribe(f func(Event)) { b.subscribers = append(b.subscribers, f) }

type viewer struct {
	name   string
	last   Event
	canvas [1400]byte
}

// In the data segment, as metrics is.
var bus = &EventBus{}

func fillSubscribers(percent int) int {
	for i := 0; i < 250*percent; i++ {
		v := &viewer{name: fmt.Sprintf("viewer %d", len(bus.subscribers))}
		bus.subscribe(func(e Event) { v.last = e })
	}
	return len(bus.subscribers)
}

var onShutdown []func()

//go:noinline
func hook(n int) func() {
	journal := bytesOf(48<<10, n)
	return func() { journal[0] = byte(n) }
}

func fillHooks(percent int) int {
	for i := 0; i < 7*percent; i++ {
		onShutdown = append(onShutdown, hook(i))
	}
	return len(onShutdown)
}

type routeHandler struct {
	path    string
	options [60]uint64
	next    *routeHandler
}

// Router finds the handlers of a path.
type Router struct {
	handlers map[string][]*routeHandler
}

var router *Router

func fillHandlers(percent int) int {
	if router == nil {
		router = &Router{make(map[string][]*routeHandler)}
	}
	total := 0
	for _, path := range []string{"/", "/login", "/orders", "/orders/{id}", "/health", "/admin"} {
		for i := 0; i < 100*percent; i++ {
			router.handlers[path] = append(router.handlers[path], &routeHandler{path: path})
		}
		total += len(router.handlers[path])
	}
	return total
}

type logField struct {
	Key   string
	Value any
}

type logRecord struct {
	At      time.Time
	Level   int
	Message string
	Fields  []logField
}

// LogBuffer keeps records until its sink takes them.
type LogBuffer struct {
	mu      sync.Mutex
	sink    func([]logRecord)
	records []logRecord
}

var logBuffer *LogBuffer

func fillLog(percent int) int {
	if logBuffer == nil {
		logBuffer = new(LogBuffer)
	}
	for i := 0; i < 1000*percent; i++ {
		message := fmt.Sprintf("request %d handled", len(logBuffer.records))
		fields := []logField{{"method", "GET"}, {"path", "/orders"}, {"status", 200}, {"user", "somebody"}}
		logBuffer.records = append(logBuffer.records, logRecord{time.Now(), 4, message, fields})
	}
	return len(logBuffer.records)
}

type requestInfo struct {
	ID     uint64
	Remote string
	Header [16]string
}

// Logger adds its fields to each record.
type Logger struct {
	name   string
	fields []logField
}

// With is append, so the array is shared, and grows.
func (l *Logger) With(key string, value any) *Logger {
	return &Logger{l.name, append(l.fields, logField{key, value})}
}

var requestLogger *Logger

func fillFields(percent int) int {
	if requestLogger == nil {
		requestLogger = &Logger{name: "http"}
	}
	for i := 0; i < 800*percent; i++ {
		requestLogger = requestLogger.With("request", &requestInfo{ID: uint64(i), Remote: "10.0.0.1"})
	}
	return len(requestLogger.fields)
}
