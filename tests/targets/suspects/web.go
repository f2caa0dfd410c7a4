package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
)

var httpCases = []scenario{
	{
		Name: "http-requests", Kind: leak, Pattern: "http", Root: "global main.inspected", Container: "main.inspected",
		ContainerType: "[]*net/http.Request",
		Types:         []string{"[]uint8", "net/http.Request"}, AlsoPatterns: []string{"slice"},
		What: "requests, with bodies of 10 kB, kept for an inspector that was meant for debugging", fill: fillRequests,
	},
	{
		Name: "http-responses", Kind: leak, Pattern: "http", Root: "global main.fetcher",
		Container:     "main.fetcher.responses",
		ContainerType: "map[string]*net/http.Response", Field: "main.Fetcher.responses",
		Types: []string{"[]uint8", "net/http.Response"}, AlsoPatterns: []string{"map"},
		What: "responses by URL whose bodies are neither read nor closed", fill: fillResponses,
	},
	{
		Name: "http-in-flight", Kind: leak, Pattern: "http", Root: "global main.proxy",
		Container:     "main.proxy.inFlight",
		ContainerType: "map[uint64]*main.exchange", Field: "main.Proxy.inFlight",
		Types:        []string{"net/http.Request", "[]string"},
		AlsoPatterns: []string{"map"},
		What:         "a proxy's exchanges, each with its request and many headers, are not removed on errors",
		fill:         fillExchanges,
	},
}

var inspected []*http.Request

//go:noinline
func newRequest(n int, body []byte) *http.Request {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequest("POST", fmt.Sprintf("http://api.example.org/orders/%d?source=web", n), reader)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "client/1.0")
	return r
}

func fillRequests(percent int) int {
	for i := 0; i < 28*percent; i++ {
		inspected = append(inspected, newRequest(len(inspected), bytesOf(10<<10, i)))
	}
	return len(inspected)
}

// Fetcher remembers what it fetched.
type Fetcher struct {
	mu        sync.Mutex
	responses map[string]*http.Response
}

var fetcher *Fetcher

func fillResponses(percent int) int {
	if fetcher == nil {
		fetcher = &Fetcher{responses: make(map[string]*http.Response)}
	}
	for i := 0; i < 40*percent; i++ {
		r := newRequest(len(fetcher.responses), nil)
		fetcher.responses[r.URL.String()] = &http.Response{
			Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"text/html"}}, ContentLength: 6 << 10,
			Body: io.NopCloser(bytes.NewReader(bytesOf(6<<10, i))),
		}
	}
	return len(fetcher.responses)
}

type exchange struct {
	id      uint64
	request *http.Request
	failed  error
}

// Proxy passes requests on.
type Proxy struct {
	mu       sync.Mutex
	next     uint64
	inFlight map[uint64]*exchange
}

var proxy *Proxy

func fillExchanges(percent int) int {
	if proxy == nil {
		proxy = &Proxy{inFlight: make(map[uint64]*exchange)}
	}
	for i := 0; i < 120*percent; i++ {
		r := newRequest(i, nil)
		for j := 0; j < 12; j++ {
			r.Header.Set(fmt.Sprintf("X-Forwarded-Field-%d", j), textOf(60, j))
		}
		proxy.inFlight[proxy.next] = &exchange{proxy.next, r, io.ErrUnexpectedEOF}
		proxy.next++
	}
	return len(proxy.inFlight)
}
