// Command offheap takes memory that Go's allocator knows nothing of: from C's malloc, and from mmap.
package main

/*
#include <stdlib.h>
#include <string.h>

static void *take(size_t n) {
	void *p = malloc(n);
	if (p) memset(p, 1, n);
	return p;
}
*/
import "C"

import (
	"flag"
	"os"
	"syscall"
	"unsafe"

	"gosnap.test/ready"
)

const (
	blocks = 48
	block  = 1 << 20
	mapped = 16 << 20
)

var (
	kept   [blocks]unsafe.Pointer
	region []byte
)

func main() {
	seconds := flag.Int("seconds", 300, "end after so many seconds")
	flag.Parse()
	ready.Begin(*seconds)
	for i := range kept {
		kept[i] = C.take(block)
	}
	var err error
	region, err = syscall.Mmap(-1, 0, mapped, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	for i := range region {
		region[i] = 2
	}
	if err := takeShared(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	ready.Settle()
	report := func() {
		ready.Report(false, func(l *ready.Line) {
			l.KeyInt("malloc_bytes", blocks*block)
			l.KeyInt("mmap_bytes", mapped+sharedBytes+hiddenBytes)
		})
	}
	report()
	ready.Wait(func(byte) { report() })
}
