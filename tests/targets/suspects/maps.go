package main

import (
	"container/list"
	"fmt"
	"sync"
	"time"
)

var mapCases = []scenario{
	{
		Name: "map-sessions", Kind: leak, Pattern: "map", Root: "global main.sessions", Container: "main.sessions",
		ContainerType: "map[string]*main.Session", Types: []string{"main.Session"},
		What: "log-ins are put into a global map, log-outs never take them out", fill: fillSessions,
	},
	{
		Name: "map-in-struct", Kind: leak, Pattern: "map", Root: "global main.server", Container: "main.server.clients",
		ContainerType: "map[uint64]*main.Client", Field: "main.Server.clients",
		Types: []string{"[]uint8", "main.Client"},
		What:  "a server, in a global pointer, keeps every client that ever connected", fill: fillClients,
	},
	{
		Name: "map-of-slices", Kind: leak, Pattern: "map", Root: "global main.historyByUser",
		Container: "main.historyByUser", ContainerType: "map[string][]main.PageView",
		Types: []string{"[]main.PageView"},
		What:  "the page views of every visitor, for ever", fill: fillHistory,
	},
	{
		Name: "map-struct-key", Kind: leak, Pattern: "map", Root: "global main.routeTable",
		Container: "main.routeTable.stats", ContainerType: "map[main.routeKey]*main.RouteStats",
		Field: "main.RouteTable.stats", Types: []string{"main.RouteStats"},
		What: "statistics by host, path and status, where the path holds an id", fill: fillRoutes,
	},
	{
		Name: "map-sync", Kind: leak, Pattern: "map", Root: "global main.tokens", Container: "main.tokens",
		ContainerType: "sync.Map", Types: []string{"main.Token"},
		What: "a sync.Map of tokens that are stored and never deleted", fill: fillTokens,
	},
	{
		Name: "map-any", Kind: leak, Pattern: "map", Root: "global main.attributes", Container: "main.attributes",
		ContainerType: "map[string]interface {}", Types: []string{"main.Attribute"},
		What: "a map[string]any with a key for every request", fill: fillAttributes,
	},
	{
		Name: "map-metric-labels", Kind: leak, Pattern: "map", Root: "global main.metrics",
		Container: "main.metrics.series", ContainerType: "map[string]map[string]*main.Counter",
		Field: "main.MetricRegistry.series", Types: []string{"main.Counter"},
		AlsoContainers: []string{"main.metrics.series[...]"},
		What:           "metrics with a user id among their labels: few outer maps, large inner ones",
		fill:           fillMetrics,
	},
	{
		Name: "map-request-scope", Kind: leak, Pattern: "map", Root: "global main.scopes",
		Container:     "main.scopes.active",
		ContainerType: "map[int64]*main.requestScope", Field: "main.scopeRegistry.active",
		Types: []string{"main.requestScope", "[]uint8"},
		What:  "request-scoped data that the error path never drops; the registry is a value", fill: fillScopes,
	},
	{
		Name: "map-generic", Kind: leak, Pattern: "map", Root: "global main.profiles",
		Container:     "main.profiles.entries",
		ContainerType: "map[string]*main.cacheEntry[main.Profile]", Field: "main.Cache[string,main.Profile].entries",
		Types: []string{
			"main.cacheEntry[main.Profile]", "main.cacheEntry[go.shape.struct { Name string; Avatar [700]uint8 }]",
		},
		What: "a generic cache whose entries expire but are not removed", fill: fillProfiles,
	},
	{
		Name: "map-lru-unlimited", Kind: leak, Pattern: "map", Root: "global main.thumbnails",
		Container: "main.thumbnails.items", ContainerType: "map[string]*container/list.Element",
		Field: "main.LRU.items", Types: []string{"[]uint8", "main.thumbnail", "container/list.Element"},
		AlsoContainers: []string{"main.thumbnails.order", "main.thumbnails"}, AlsoPatterns: []string{"list"},
		What: "an LRU of map and list whose limit is 0, which it takes for none", fill: fillThumbnails,
	},
}

// Session is one log-in.
type Session struct {
	ID      string
	User    uint64
	Created time.Time
	State   [1200]byte
}

var sessions = map[string]*Session{}

func fillSessions(percent int) int {
	for i := 0; i < 250*percent; i++ {
		id := fmt.Sprintf("sess-%016x", spread(uint64(len(sessions))))
		sessions[id] = &Session{ID: id, User: uint64(i), Created: time.Now()}
	}
	return len(sessions)
}

// Client is one connection of a Server.
type Client struct {
	Address string
	Since   time.Time
	In, Out []byte
}

// Server knows its clients.
type Server struct {
	mu      sync.Mutex
	name    string
	next    uint64
	clients map[uint64]*Client
}

var server *Server

func (s *Server) connect(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[s.next] = &Client{address, time.Now(), bytesOf(2048, int(s.next)), bytesOf(2048, 1)}
	s.next++
}

func fillClients(percent int) int {
	if server == nil {
		server = &Server{name: "front", clients: make(map[uint64]*Client)}
	}
	for i := 0; i < 75*percent; i++ {
		server.connect(fmt.Sprintf("10.1.%d.%d:%d", i>>8&255, i&255, 1024+i))
	}
	return len(server.clients)
}

// PageView is what one visitor looked at.
type PageView struct {
	Page     string
	At       int64
	Duration time.Duration
	Score    float64
}

var historyByUser = map[string][]PageView{}

func fillHistory(percent int) int {
	for i := 0; i < 600*percent; i++ {
		user := fmt.Sprintf("visitor-%d", len(historyByUser))
		views := make([]PageView, 0, 12)
		for j := 0; j < 12; j++ {
			views = append(views, PageView{"/index.html", int64(j), time.Second, 0.5})
		}
		historyByUser[user] = views
	}
	return len(historyByUser)
}

type routeKey struct {
	Host, Path string
	Status     int
}

// RouteStats counts the requests of one route.
type RouteStats struct {
	Count, Errors uint64
	Latency       [48]uint32
}

// RouteTable has the statistics of all routes.
type RouteTable struct {
	mu    sync.RWMutex
	stats map[routeKey]*RouteStats
}

var routeTable *RouteTable

func fillRoutes(percent int) int {
	if routeTable == nil {
		routeTable = &RouteTable{stats: make(map[routeKey]*RouteStats)}
	}
	for i := 0; i < 900*percent; i++ {
		key := routeKey{"api.example.org", fmt.Sprintf("/orders/%d/items", len(routeTable.stats)), 200}
		routeTable.stats[key] = &RouteStats{Count: 1}
	}
	return len(routeTable.stats)
}

// Token is an access token with its claims.
type Token struct {
	Subject string
	Expires time.Time
	Claims  [400]byte
}

var (
	tokens     sync.Map
	tokenCount int
)

func fillTokens(percent int) int {
	for i := 0; i < 600*percent; i++ {
		tokens.Store(fmt.Sprintf("tok-%016x", spread(uint64(tokenCount))), &Token{Subject: "someone", Expires: time.Now()})
		tokenCount++
	}
	return tokenCount
}

// Attribute is a value in a bag of anything.
type Attribute struct {
	Kind  int
	Raw   [500]byte
	Owner *Attribute
}

var attributes = map[string]any{}

func fillAttributes(percent int) int {
	for i := 0; i < 500*percent; i++ {
		key := fmt.Sprintf("request.%d", len(attributes))
		switch i % 8 {
		case 0:
			attributes[key] = i
		case 1:
			attributes[key] = "value of " + key
		default:
			attributes[key] = &Attribute{Kind: i}
		}
	}
	return len(attributes)
}

// Counter is one time series.
type Counter struct {
	Labels  string
	Value   float64
	Buckets [32]uint64
}

// MetricRegistry has the time series of each metric by their labels.
type MetricRegistry struct {
	mu     sync.Mutex
	series map[string]map[string]*Counter
}

// Initialised as a whole by the linker: the struct is in the data segment, not on the heap.
var metrics = &MetricRegistry{series: map[string]map[string]*Counter{}}

var metricNames = [...]string{
	"http_requests_total", "http_request_seconds", "db_queries_total", "db_query_seconds",
	"cache_hits_total", "bytes_sent_total",
}

func fillMetrics(percent int) int {
	total := 0
	for _, name := range metricNames {
		inner := metrics.series[name]
		if inner == nil {
			inner = make(map[string]*Counter)
			metrics.series[name] = inner
		}
		for i := 0; i < 140*percent; i++ {
			labels := fmt.Sprintf(`{user="%d",path="/"}`, len(inner))
			inner[labels] = &Counter{Labels: labels}
		}
		total += len(inner)
	}
	return total
}

type requestScope struct {
	id      int64
	started time.Time
	user    *userRecord
	values  map[string]string
	body    []byte
}

type scopeRegistry struct {
	mu     sync.Mutex
	last   int64
	active map[int64]*requestScope
}

var scopes scopeRegistry

func fillScopes(percent int) int {
	if scopes.active == nil {
		scopes.active = make(map[int64]*requestScope)
	}
	for i := 0; i < 100*percent; i++ {
		scopes.last++
		scopes.active[scopes.last] = &requestScope{
			scopes.last, time.Now(), userCache[7], map[string]string{"trace": fmt.Sprint(scopes.last)}, bytesOf(2500, i),
		}
	}
	return len(scopes.active)
}

// Cache is a cache of anything.
type Cache[K comparable, V any] struct {
	mu      sync.Mutex
	ttl     time.Duration
	entries map[K]*cacheEntry[V]
}

type cacheEntry[V any] struct {
	value   V
	expires time.Time
}

func (c *Cache[K, V]) put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = &cacheEntry[V]{value, time.Now().Add(c.ttl)}
}

// Profile is what a Cache holds.
type Profile struct {
	Name   string
	Avatar [700]byte
}

var profiles *Cache[string, Profile]

func fillProfiles(percent int) int {
	if profiles == nil {
		profiles = &Cache[string, Profile]{ttl: time.Minute, entries: map[string]*cacheEntry[Profile]{}}
	}
	for i := 0; i < 400*percent; i++ {
		key := fmt.Sprintf("profile:%d", len(profiles.entries))
		profiles.put(key, Profile{Name: key})
	}
	return len(profiles.entries)
}

type thumbnail struct {
	key    string
	pixels []byte
}

// LRU drops what was not used for longest, if it has a limit.
type LRU struct {
	limit int
	order *list.List
	items map[string]*list.Element
}

func newLRU(limit int) *LRU {
	return &LRU{limit, list.New(), make(map[string]*list.Element)}
}

func (l *LRU) add(key string, pixels []byte) {
	l.items[key] = l.order.PushFront(&thumbnail{key, pixels})
	if l.limit > 0 && l.order.Len() > l.limit {
		oldest := l.order.Back()
		l.order.Remove(oldest)
		delete(l.items, oldest.Value.(*thumbnail).key)
	}
}

var thumbnails *LRU

func fillThumbnails(percent int) int {
	if thumbnails == nil {
		thumbnails = newLRU(0)
	}
	for i := 0; i < 100*percent; i++ {
		thumbnails.add(fmt.Sprintf("/img/%d.png", thumbnails.order.Len()), bytesOf(3000, i))
	}
	return thumbnails.order.Len()
}
