//go:build cgo

package main

/*
extern void goAllocates(int n);
static void through(int n) { goAllocates(n); }
static void twice(int n) { through(n); through(2 * n); }
*/
import "C"

func init() {
	add("cgo", "C between two parts of Go: the stack leads through it", func() {
		for i := 1; i < 50; i++ {
			C.through(C.int(i))
			C.twice(C.int(i))
			keep(C.CString("not on Go's heap"))
			keep(C.GoString(C.CString("on Go's heap")))
		}
	})
}

//export goAllocates
func goAllocates(n C.int) { keep(sized(int(n) * 64)) }
