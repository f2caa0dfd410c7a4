// Command quiet is the smallest target: it holds a little memory and does nothing. With -tags pprof it also serves
// /debug/pprof on a free port of 127.0.0.1 and says which.
package main

import (
	"flag"

	"gosnap.test/ready"
)

type note struct {
	Text string
	Next *note
}

var (
	notes *note
	port  int
)

func main() {
	seconds := flag.Int("seconds", 300, "end after so many seconds")
	flag.Parse()
	ready.Begin(*seconds)
	for _, text := range []string{"hello", "from", "a", "quiet", "program"} {
		notes = &note{text, notes}
	}
	serve()
	ready.Settle()
	report := func() {
		ready.Report(false, func(l *ready.Line) { l.KeyInt("port", uint64(port)) })
	}
	report()
	ready.Wait(func(byte) { report() })
}
