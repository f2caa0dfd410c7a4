// Command values holds one of every kind of value in package variables, and says itself what they are.
//
// It answers lines on stdin with one JSON object each: "dump" with all variables by reflection, in the shape of
// `gosnap show --format json`; "gosyntax" with what fmt's %#v prints of those that hold no pointers; "texts" with
// what the standard library prints of its own types; "big N" makes maps of N entries; "churn" and "calm" start and
// stop goroutines that write to variables all the time; "pool" puts a value into main.SPool; "grow" and "shrink" change
// main.Watched.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"gosnap.test/ready"
)

func main() {
	ready.Begin(600)
	build()
	wait()
	runtime.GC()
	fmt.Printf("{\"ready\":true,\"pid\":%d,\"goroutine\":%d,\"same_size_grow\":%v,\"growing\":%v}\n",
		os.Getpid(), waiter, sameSize, growing)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word, argument, _ := strings.Cut(in.Text(), " ")
		var answer any
		switch word {
		case "dump":
			answer = dumpAll()
		case "gosyntax":
			answer = goSyntax()
		case "texts":
			answer = texts()
		case "big":
			n, _ := strconv.Atoi(argument)
			makeBig(n)
			answer = map[string]int{"n": n}
		case "churn":
			churn()
			answer = map[string]bool{"ok": true}
		case "calm":
			calm()
			answer = map[string]bool{"ok": true}
		case "pool":
			SPool.Put(new(int))
			answer = map[string]bool{"ok": true}
		case "grow":
			Watched["new"] = 7
			WatchedNumber = 42
			answer = map[string]bool{"ok": true}
		case "shrink":
			delete(Watched, "old")
			answer = map[string]bool{"ok": true}
		default:
			answer = map[string]string{"error": word}
		}
		out, err := json.Marshal(answer)
		if err != nil {
			out, _ = json.Marshal(map[string]string{"error": err.Error()})
		}
		fmt.Println(string(out))
	}
}

// wait gives the goroutines of build the time to block.
func wait() {
	for i := 0; i < 200; i++ {
		runtime.Gosched()
		time.Sleep(time.Millisecond)
		if blocked.Load() >= wanted {
			break
		}
	}
	time.Sleep(20 * time.Millisecond)
}
