package main

import (
	"context"
	"fmt"
	"time"
)

var contextCases = []scenario{
	{
		Name: "context-children", Kind: leak, Pattern: "context", Root: "global main.appContext",
		Container: "main.appContext.children", ContainerType: "map[context.canceler]struct {}",
		Field: "context.cancelCtx.children", Types: []string{"main.requestInfo", "context.cancelCtx"},
		AlsoPatterns: []string{"map"},
		What:         "a context per request under the application's own, never cancelled", fill: fillContexts,
	},
	{
		Name: "context-timeouts", Kind: leak, Pattern: "context", Root: "global main.gateway",
		Container: "main.gateway.base.children", ContainerType: "map[context.canceler]struct {}",
		Field: "context.cancelCtx.children", Types: []string{"main.upstreamCall"},
		AlsoRoots: []string{"global runtime.allp", "timers"}, AlsoContainers: []string{"runtime.p.timers"},
		AlsoPatterns: []string{"timers", "map"},
		What:         "contexts with a timeout of a day, not cancelled: the parent and the timers hold them",
		fill:         fillTimeouts,
	},
	{
		Name: "context-values", Kind: leak, Pattern: "context", Root: "global main.tracer",
		Container:     "main.tracer.ctx",
		ContainerType: "*context.valueCtx", Field: "main.Tracer.ctx",
		Types:        []string{"main.baggage", "context.valueCtx"},
		AlsoPatterns: []string{"list"},
		What:         "ctx = context.WithValue(ctx, ...) in a loop: an ever longer chain", fill: fillValues,
	},
	{
		Name: "context-on-stack", Kind: leak, Pattern: "context", Root: "goroutine main.consumeTopic",
		Container: "main.consumeTopic.ctx.children", ContainerType: "map[context.canceler]struct {}",
		Field: "context.cancelCtx.children", Types: []string{"main.upstreamCall"}, AlsoPatterns: []string{"map"},
		What: "as context-children, but the parent is a local variable of a consumer's goroutine", fill: fillConsumer,
	},
}

type contextKey int

const (
	requestKey contextKey = iota
	callKey
	baggageKey
)

var (
	appContext context.Context
	opened     int
)

// open derives a context that is registered with its nearest parent that can be cancelled.
//
//go:noinline
func open(parent context.Context, key contextKey, value any) context.Context {
	ctx, cancel := context.WithCancel(context.WithValue(parent, key, value))
	_ = cancel
	return ctx
}

func fillContexts(percent int) int {
	if appContext == nil {
		appContext, _ = context.WithCancel(context.Background())
	}
	for i := 0; i < 500*percent; i++ {
		open(appContext, requestKey, &requestInfo{ID: uint64(opened), Remote: "10.0.0.2"})
		opened++
	}
	return opened
}

type upstreamCall struct {
	URL     string
	Attempt int
	Body    [900]byte
}

type gatewayServer struct {
	name string
	base context.Context
}

var gateway *gatewayServer

func fillTimeouts(percent int) int {
	if gateway == nil {
		base, _ := context.WithCancel(context.Background())
		gateway = &gatewayServer{"edge", base}
	}
	for i := 0; i < 300*percent; i++ {
		call := &upstreamCall{URL: fmt.Sprintf("http://upstream/%d", opened)}
		ctx, cancel := context.WithTimeout(context.WithValue(gateway.base, callKey, call), 24*time.Hour)
		_, _ = ctx, cancel
		opened++
	}
	return opened
}

type baggage struct {
	Key   string
	Items [40]string
}

// Tracer has a context for what it does in the background.
type Tracer struct {
	service string
	ctx     context.Context
}

var tracer *Tracer

func fillValues(percent int) int {
	if tracer == nil {
		tracer = &Tracer{"billing", context.Background()}
	}
	for i := 0; i < 450*percent; i++ {
		tracer.ctx = context.WithValue(tracer.ctx, baggageKey, &baggage{Key: "trace"})
		opened++
	}
	return opened
}

func fillConsumer(percent int) int {
	return request(percent, 300*percent, func() { go consumeTopic("orders") })
}

//go:noinline
func openAll(ctx context.Context, topic string, n int) int {
	for i := 0; i < n; i++ {
		open(ctx, callKey, &upstreamCall{URL: topic, Attempt: i})
		opened++
	}
	return opened
}

//go:noinline
func consumeTopic(topic string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for b := range batches {
		b.done <- openAll(ctx, topic, b.n)
	}
}
