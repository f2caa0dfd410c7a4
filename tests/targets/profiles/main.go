// Command profiles does what one case says, and writes the real profiles that the runtime makes of it.
//
//	profiles -list
//	profiles -dir DIR CASE
//
// The rate comes from GODEBUG=memprofilerate=N, which the runtime reads before the first allocation; setting
// runtime.MemProfileRate from within would be too late for what runs before main.
//
// A case is one or more steps. Written to DIR, after a collection, with the collector off:
//
//	start.pb.gz       the heap profile before the first step, and start.txt the same as text
//	begun.pb.gz       the goroutine profile before the first step, and begun.txt the same as text
//	STEP.pb.gz        the heap profile after a step; the last one is called heap
//	heap.txt          the last one as text (debug=1)
//	allocs.pb.gz      the allocs profile
//	goroutine.pb.gz   the goroutine profile, with labels
//	goroutine.txt     the same as text
//	leaked.pb.gz      the goroutineleak profile, where the runtime has one
//	records.json      runtime.MemProfile's own records of the last step, and what the runtime says of itself
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

type step struct {
	name string
	do   func()
}

type program struct {
	about string
	steps []step
}

var programs = map[string]program{}

func add(name, about string, do func()) {
	programs[name] = program{about: about, steps: []step{{"heap", do}}}
}

// kept holds what a case wants to be in use.
var kept []any

//go:noinline
func keep(v any) { kept = append(kept, v) }

func main() {
	dir := flag.String("dir", ".", "where the profiles go")
	list := flag.Bool("list", false, "print the cases as JSON")
	flag.Parse()
	if *list {
		said := map[string]string{}
		for name, p := range programs {
			said[name] = p.about
		}
		must(json.NewEncoder(os.Stdout).Encode(said))
		return
	}
	p, ok := programs[flag.Arg(0)]
	if !ok {
		fmt.Fprintf(os.Stderr, "profiles: no case %q in this build\n", flag.Arg(0))
		os.Exit(2)
	}
	settle()
	writeHeap(*dir, "start")
	write(*dir, "start.txt", "heap", 1)
	write(*dir, "begun.pb.gz", "goroutine", 0)
	write(*dir, "begun.txt", "goroutine", 1)
	for _, s := range p.steps {
		s.do()
		settle()
		writeHeap(*dir, s.name)
	}
	writeRest(*dir)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "profiles:", err)
		os.Exit(1)
	}
}
