// Command suspects is many programs in one: each case is a small service with one seeded leak, or with none.
//
//	suspects -list        all cases as a JSON array: what a tool that looks for leaks ought to say
//	suspects [-seconds N] CASE
//
// A case starts the background that all share (background.go), fills its container, collects, and prints the ready
// line with "case", "kind", "root", "container", "pattern", "items" and "heap_alloc". Then it obeys stdin:
//
//	grow    half as much again leaks, then {"grown":true,"items":N}; a map that is emptied has twice the peak, and N is
//	        what is left in it; a healthy case does another round of its work and answers {"grown":false,"items":N}
//	stats   {"heap_alloc":N,"heap_objects":N,"heap_inuse":N,"goroutines":N,"num_gc":N}
//
// What leaks is made by goroutines of their own, so that no stack slot of main holds any of it.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"gosnap.test/ready"
)

// scenario is one case: what it does, and what is true of it. See suspectcases.py for what the keys mean.
type scenario struct {
	Name           string   `json:"name"`
	Kind           string   `json:"kind"`
	Root           string   `json:"root"`
	Container      string   `json:"container"`
	ContainerType  string   `json:"container_type"`
	Field          string   `json:"field"`
	Pattern        string   `json:"pattern"`
	Types          []string `json:"types"`
	AlsoRoots      []string `json:"also_roots"`
	AlsoContainers []string `json:"also_containers"`
	AlsoPatterns   []string `json:"also_patterns"`
	What           string   `json:"what"`

	// fill adds percent % of the case's size and returns how many items there are now.
	fill func(percent int) int
	// uncollected: the last collection is before fill, and the collector is off from then on.
	uncollected bool
	// alone: without the background.
	alone bool
}

const (
	leak    = "leak"
	healthy = "healthy"
)

var groups = [...]*[]scenario{
	&mapCases, &stackCases, &sliceCases, &channelCases, &goroutineCases, &timerCases, &contextCases, &subsliceCases,
	&emptiedCases, &bufferCases, &stringCases, &httpCases, &poolCases, &finalizerCases, &cleanupCases, &listCases, &otherCases,
	&healthyCases,
}

var (
	current *scenario
	answer  ready.Line
	memory  runtime.MemStats
)

func main() {
	list := flag.Bool("list", false, "print all cases as JSON")
	seconds := flag.Int("seconds", 300, "end after so many seconds")
	flag.Parse()
	if *list {
		printList()
		return
	}
	ready.Begin(*seconds)
	if current = find(flag.Arg(0)); current == nil {
		os.Stderr.WriteString("suspects: no case " + flag.Arg(0) + " (suspects -list says which there are)\n")
		os.Exit(2)
	}
	if !current.alone {
		apart(startBackground, 100)
	}
	if current.uncollected {
		collect()
		debug.SetGCPercent(-1)
	}
	items := apart(current.fill, 100)
	if !current.uncollected {
		collect()
	}
	ready.Report(false, func(l *ready.Line) {
		keyText(l, "case", current.Name)
		keyText(l, "kind", current.Kind)
		keyText(l, "root", current.Root)
		keyText(l, "container", current.Container)
		keyText(l, "pattern", current.Pattern)
		l.KeyInt("items", uint64(items))
	})
	ready.Wait(obey)
}

func obey(command byte) {
	answer.Start()
	switch command {
	case 'g':
		items := apart(current.fill, 50)
		if !current.uncollected {
			collect()
		}
		answer.Key("grown")
		if current.Kind == leak {
			answer.Raw("true")
		} else {
			answer.Raw("false")
		}
		answer.KeyInt("items", uint64(items))
	case 's':
		runtime.ReadMemStats(&memory)
		answer.KeyInt("heap_alloc", memory.HeapAlloc)
		answer.KeyInt("heap_objects", memory.HeapObjects)
		answer.KeyInt("heap_inuse", memory.HeapInuse)
		answer.KeyInt("goroutines", uint64(runtime.NumGoroutine()))
		answer.KeyInt("num_gc", uint64(memory.NumGC))
	default:
		answer.Key("error")
		answer.Raw(`"say grow or stats"`)
	}
	answer.Send()
}

// apart runs f on a goroutine of its own, whose stack is gone when it returns.
//
//go:noinline
func apart(f func(int) int, percent int) int {
	done := make(chan int)
	go func() { done <- f(percent) }()
	return <-done
}

// collect collects twice: the second time also takes what finalizers and pools let go of.
func collect() {
	for i := 0; i < 2; i++ {
		runtime.GC()
		time.Sleep(20 * time.Millisecond) // for goroutines that were on their way to block
	}
}

func keyText(l *ready.Line, key, text string) {
	l.Key(key)
	l.Raw(`"`)
	l.Raw(text)
	l.Raw(`"`)
}

func find(name string) *scenario {
	for _, group := range groups {
		for i := range *group {
			if (*group)[i].Name == name {
				return &(*group)[i]
			}
		}
	}
	return nil
}

func printList() {
	all := []scenario{}
	for _, group := range groups {
		for _, c := range *group {
			for _, s := range []*[]string{&c.Types, &c.AlsoRoots, &c.AlsoContainers, &c.AlsoPatterns} {
				if *s == nil {
					*s = []string{}
				}
			}
			all = append(all, c)
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	out.Encode(all)
}
