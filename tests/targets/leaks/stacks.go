package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"time"
)

type frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// goroutine is one of a traceback. State is without the runtime's mark "(leaked)", which is in Leaked: a goroutineleak
// profile leaves it there.
type goroutine struct {
	ID        int     `json:"id"`
	State     string  `json:"state"`
	Minutes   int     `json:"minutes"`
	Leaked    bool    `json:"leaked"`
	Locked    bool    `json:"locked"`
	Frames    []frame `json:"frames"`
	CreatedBy *frame  `json:"created_by,omitempty"`
	Parent    int     `json:"parent,omitempty"`
}

var stackBuf = make([]byte, 1<<20)

// stacks is runtime.Stack of all goroutines, parsed; main is the first.
func stacks() []goroutine {
	for {
		n := runtime.Stack(stackBuf, true)
		if n < len(stackBuf) {
			return parseStacks(string(stackBuf[:n]))
		}
		stackBuf = make([]byte, 2*len(stackBuf))
	}
}

// parseStacks reads the format of a panic's traceback (runtime/traceback.go, goroutineheader and traceback2).
func parseStacks(text string) []goroutine {
	all := []goroutine{}
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(block, "\n")
		head, rest, ok := strings.Cut(strings.TrimPrefix(lines[0], "goroutine "), " [")
		id, err := strconv.Atoi(head)
		if !ok || err != nil {
			fail("not the header of a goroutine: %q", lines[0])
		}
		g := goroutine{ID: id, Frames: []frame{}}
		inside, _, _ := strings.Cut(rest, "]:")
		for i, part := range strings.Split(inside, ", ") {
			if minutes, found := strings.CutSuffix(part, " minutes"); found && i > 0 {
				g.Minutes, _ = strconv.Atoi(minutes)
			} else if part == "locked to thread" {
				g.Locked = true
			} else if i == 0 {
				g.State, g.Leaked = strings.CutSuffix(part, " (leaked)")
			}
		}
		for i := 1; i+1 < len(lines); i++ {
			place, found := strings.CutPrefix(lines[i+1], "\t")
			if !found {
				continue
			}
			f := frame{Function: lines[i]}
			place, _, _ = strings.Cut(place, " +0x")
			if colon := strings.LastIndexByte(place, ':'); colon >= 0 {
				f.File = place[:colon]
				f.Line, _ = strconv.Atoi(place[colon+1:])
			}
			if creator, is := strings.CutPrefix(f.Function, "created by "); is {
				name, parent, _ := strings.Cut(creator, " in goroutine ")
				f.Function = name
				g.CreatedBy = &f
				g.Parent, _ = strconv.Atoi(parent)
			} else {
				// The arguments hold no parentheses, names may.
				if open := strings.LastIndexByte(f.Function, '('); open > 0 {
					f.Function = f.Function[:open]
				}
				g.Frames = append(g.Frames, f)
			}
			i++
		}
		all = append(all, g)
	}
	return all
}

// kind is a goroutine's state in settle's notation, where versions differ: WaitGroup has a state of its own since 1.24,
// and a goroutine that is busy is found in one of several.
func (g *goroutine) kind() string {
	switch {
	case g.State == "running" || g.State == "runnable" || g.State == "preempted":
		return "busy"
	case g.State == "semacquire":
		for _, f := range g.Frames {
			if f.Function == "sync.(*WaitGroup).Wait" {
				return "sync.WaitGroup.Wait"
			}
		}
	}
	return g.State
}

// settle returns when the goroutines besides main are in these states, as "chan send*2, sleep", and have stayed there
// for several looks. It ends the program when they do not get there.
func settle(want string) {
	const looks, limit = 4, 60 * time.Second
	wanted := map[string]int{}
	for _, part := range strings.Split(want, ", ") {
		state, count, many := strings.Cut(part, "*")
		n := 1
		if many {
			n, _ = strconv.Atoi(count)
		}
		wanted[state] += n
	}
	var last string
	for begin, same := time.Now(), 0; same < looks; time.Sleep(3 * time.Millisecond) {
		now := stacks()[1:]
		got := map[string]int{}
		var seen strings.Builder
		sort.Slice(now, func(i, j int) bool { return now[i].ID < now[j].ID })
		for i := range now {
			got[now[i].kind()]++
			fmt.Fprintln(&seen, now[i].ID, now[i].kind())
		}
		if fmt.Sprint(got) == fmt.Sprint(wanted) && seen.String() == last {
			same++
		} else {
			same = 0
		}
		last = seen.String()
		if time.Since(begin) > limit {
			os.Stderr.Write(stackBuf[:runtime.Stack(stackBuf, true)])
			fail("wanted goroutines in the states %v, have %v", wanted, got)
		}
	}
}

type profileEntry struct {
	Count int      `json:"count"`
	Stack []string `json:"stack"`
}

type leakReport struct {
	Supported bool           `json:"supported"`
	Total     int            `json:"total"`
	Leaked    []profileEntry `json:"leaked"`
	IDs       []int          `json:"ids"`
}

// leakProfile asks the runtime, which runs a garbage collection with leak detection for each of the two forms: the
// counted one, which has a name for each distinct stack, and the traceback, which has the goroutines' numbers.
func leakProfile() leakReport {
	report := leakReport{Leaked: []profileEntry{}, IDs: []int{}}
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		return report
	}
	report.Supported = true
	var text bytes.Buffer
	if err := profile.WriteTo(&text, 1); err != nil {
		fail("goroutineleak: %v", err)
	}
	for _, line := range strings.Split(text.String(), "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[1] == "@" {
			n, _ := strconv.Atoi(fields[0])
			report.Total += n
			report.Leaked = append(report.Leaked, profileEntry{Count: n, Stack: []string{}})
		} else if len(fields) >= 3 && fields[0] == "#" && strings.HasPrefix(fields[1], "0x") {
			name := fields[2]
			if plus := strings.LastIndex(name, "+0x"); plus >= 0 {
				name = name[:plus]
			}
			group := &report.Leaked[len(report.Leaked)-1]
			group.Stack = append(group.Stack, name)
		}
	}
	text.Reset()
	if err := profile.WriteTo(&text, 2); err != nil {
		fail("goroutineleak: %v", err)
	}
	for _, g := range parseStacks(text.String()) {
		if g.Leaked {
			report.IDs = append(report.IDs, g.ID)
		}
	}
	return report
}
