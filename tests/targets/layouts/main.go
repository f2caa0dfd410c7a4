// Command layouts says how its structures lie in memory, as one JSON document on its standard output: what
// package reflect and the runtime types have, and the least room that any order of the fields would take, found by
// trying them all.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

type Plain struct {
	A int64
	B string
	C []byte
}

type Holes struct {
	A bool
	B int64
	C bool
	D int32
	E bool
	F int16
}

type Pointers struct {
	N    int64
	P    *Plain
	S    string
	I    any
	E    error
	M    map[string]int
	Func func() int
}

type Embedded struct {
	Flag bool
	Holes
	*Pointers
	Last byte
}

type ZeroLast struct {
	P *int
	B byte
	Z struct{}
}

type ZeroFirst struct {
	Z [0]int64
	B byte
}

type Arrays struct {
	A [3]byte
	B [2]string
	C [5]Holes
	D [4]struct {
		X byte
		P *byte
	}
	E complex64
	F complex128
}

type Sync struct {
	Once sync.Once
	N    atomic.Int64
	Mu   sync.Mutex
	T    time.Time
	Wait sync.WaitGroup
	B    bool
}

type Generic[K comparable, V any] struct {
	Small bool
	Key   K
	Mark  byte
	Value V
}

type Large struct {
	Tag  byte
	Data [70]*int
	End  byte
}

type Scanned struct {
	Size  int64
	Name  string
	Count int64
	Next  *Scanned
}

type One struct{ B byte }

type blank struct {
	a byte
	_ [7]byte
	p unsafe.Pointer
	_ uint32
}

type field struct {
	Name     string  `json:"name"`
	Offset   uintptr `json:"offset"`
	Size     uintptr `json:"size"`
	Align    int     `json:"align"`
	Embedded bool    `json:"embedded"`
}

type described struct {
	Name         string  `json:"name"`
	Size         uintptr `json:"size"`
	Align        int     `json:"align"`
	PointerBytes uintptr `json:"pointer_bytes"`
	Mask         string  `json:"mask"`
	Slot         int     `json:"slot"`
	Fields       []field `json:"fields"`
	Best         uintptr `json:"best"`
	BestPointers uintptr `json:"best_pointers"`
	Tried        int     `json:"tried"`
}

// rtype is the beginning of abi.Type (internal/abi/type.go).
type rtype struct {
	size, ptrBytes         uintptr
	hash                   uint32
	tflag, align, fa, kind uint8
	equal                  unsafe.Pointer
	gcdata                 *byte
}

func header(t reflect.Type) *rtype {
	return (*[2]*rtype)(unsafe.Pointer(&t))[1]
}

func permute(n int, do func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var rest func(int)
	rest = func(k int) {
		if k == n {
			do(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			rest(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	rest(0)
}

var kept []any

func describe(t reflect.Type) described {
	h := header(t)
	d := described{Name: t.String(), Size: t.Size(), Align: t.Align(), PointerBytes: h.ptrBytes}
	// on-demand masks (Go >= 1.24) and programs (before) are not plain bits
	if words := h.ptrBytes / 8; words > 0 && h.kind&64 == 0 && h.tflag&16 == 0 {
		for i := uintptr(0); i < words; i++ {
			b := *(*byte)(unsafe.Pointer(uintptr(unsafe.Pointer(h.gcdata)) + i/8))
			d.Mask += fmt.Sprint(b >> (i % 8) & 1)
		}
	}
	var fields []reflect.StructField
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		d.Fields = append(d.Fields, field{f.Name, f.Offset, f.Type.Size(), f.Type.Align(), f.Anonymous})
		// StructOf wants names that are exported and differ
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: f.Type})
	}
	d.Best, d.BestPointers = t.Size(), h.ptrBytes
	permute(len(fields), func(order []int) {
		var f []reflect.StructField
		for _, i := range order {
			f = append(f, fields[i])
		}
		other := reflect.StructOf(f)
		p := header(other).ptrBytes
		if other.Size() < d.Best || (other.Size() == d.Best && p < d.BestPointers) {
			d.Best, d.BestPointers = other.Size(), p
		}
		d.Tried++
	})
	// growing by one gives the room of the size class
	d.Slot = reflect.ValueOf(append([]byte(nil), make([]byte, max(int(t.Size()), 1))...)).Cap()
	return d
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func main() {
	values := []any{
		&Plain{}, &Holes{}, &Pointers{}, &Embedded{}, &ZeroLast{}, &ZeroFirst{}, &Arrays{}, &Sync{},
		&Generic[string, int32]{}, &Generic[int16, *Plain]{}, &Large{}, &Scanned{}, &One{}, &blank{},
	}
	kept = values
	var out []described
	for _, v := range values {
		out = append(out, describe(reflect.TypeOf(v).Elem()))
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
