// Command leaks runs one small program of goroutines that are stuck for good, or of goroutines that only look so,
// and knows how many of them are leaked. `leaks CASE` runs a case, `leaks -list` describes all of them as JSON.
//
// A goroutine is leaked when it is blocked on a channel, select, mutex, RWMutex, WaitGroup or Cond (or waits to be
// resumed as a coroutine), and neither a global nor a goroutine that may still run lets the program get at what
// would wake it. Go 1.27 decides that by what its collector marks (runtime/mgc.go, isMaybeRunnable and
// findGoroutineLeaks of go1.27.3): goroutines that are not blocked so are roots together with the globals, and a
// blocked one becomes a root when what it waits for is marked or is not in the heap. "leaked" is the truth of a
// case; where the profile of 1.27 has another number, that is in "runtime_leaked", and "why" says how it comes to it.
//
// When a case is set up, its goroutines are blocked and main holds nothing of it; then the ready line is printed.
// Commands are lines on stdin, and each is answered with one JSON line:
//
//	profile  what the runtime's own goroutineleak profile says, if this Go has it
//	stacks   all goroutines as in runtime.Stack
//
// The profile is part of 1.27 as it is; 1.26 has it only when built with GOEXPERIMENT=goroutineleakprofile.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"

	"gosnap.test/ready"
)

// testCase is a case. States are those of its goroutines once it is set up, in settle's notation.
type testCase struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Leaked  int    `json:"leaked"`
	Runtime *int   `json:"runtime_leaked,omitempty"`
	Why     string `json:"why,omitempty"`
	Go      string `json:"go"`
	States  string `json:"states"`
	About   string `json:"about"`
	run     func()
}

var cases []*testCase

// leak registers a case with n leaked goroutines.
func leak(name string, n int, states, about string, run func()) *testCase {
	c := &testCase{Name: name, Kind: "leak", Leaked: n, Go: "1.21", States: states, About: about, run: run}
	cases = append(cases, c)
	return c
}

// healthy registers a case without any; the names of these begin with live-.
func healthy(name, states, about string, run func()) *testCase {
	c := leak(name, 0, states, about, run)
	c.Kind = "healthy"
	return c
}

// since says which version of Go has what the case needs.
func (c *testCase) since(version string) *testCase {
	c.Go = version
	return c
}

// differs says how many leaked goroutines Go 1.27 finds, when that is not the truth.
func (c *testCase) differs(n int, why string) *testCase {
	c.Runtime, c.Why = &n, why
	return c
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func answer(v any) {
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		fail("%v", err)
	}
}

// start runs the case on a goroutine of its own that has ended on return, so that no frame or stale stack slot of main
// can hold anything of it.
//
//go:noinline
func start(c *testCase) {
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		c.run()
	}()
	done.Wait()
}

func main() {
	list := flag.Bool("list", false, "print the cases as JSON and end")
	seconds := flag.Int("seconds", 300, "end after so many seconds")
	flag.Parse()
	ready.Begin(*seconds)
	if *list {
		answer(cases)
		return
	}
	var chosen *testCase
	for _, c := range cases {
		if c.Name == flag.Arg(0) {
			chosen = c
		}
	}
	if chosen == nil || flag.NArg() != 1 {
		fail("usage: leaks [-seconds N] CASE | leaks -list; %q is not one case of -list", flag.Args())
	}
	start(chosen)
	settle(chosen.States)
	// The second collection empties what the first left in the victims of sync.Pool.
	runtime.GC()
	runtime.GC()
	ready.Report(false, func(l *ready.Line) {
		l.Key("case")
		l.Raw(`"` + chosen.Name + `"`)
		l.KeyInt("leaked", uint64(chosen.Leaked))
	})
	ready.Wait(func(command byte) {
		switch command {
		case 'p':
			answer(leakProfile())
		case 's':
			answer(map[string]any{"goroutines": stacks()})
		default:
			answer(map[string]any{"error": "commands are profile and stacks"})
		}
	})
}
