package main

import (
	"bytes"
	"container/list"
	"context"
	"math/big"
	"net/http"
	"net/url"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// ---- named types of every kind ----

type (
	ID      uint64
	Celsius float64
	Level   int8
	Names   []string
	Handler func(string) int
	Set     map[string]struct{}
)

type Address struct {
	Street, City string
	Zip          int32
}

type User struct {
	ID     ID
	Name   string
	Email  string
	Age    uint8
	Home   Address
	Tags   []string
	Friend *User
}

type Audit struct {
	Created, Changed int64
	By               *User
}

// Admin embeds by value and by pointer.
type Admin struct {
	User
	*Audit
	Level Level
}

type Point struct{ X, Y int32 }

type Shape interface{ Area() float64 }

type Circle struct{ R float64 }

func (c Circle) Area() float64 { return 3 * c.R * c.R }

type Square struct {
	Side float64
	Name string
}

func (s *Square) Area() float64 { return s.Side * s.Side }

// Direct is one pointer wide, so an interface holds it without a box.
type Direct struct{ P *Square }

func (d Direct) Area() float64 { return d.P.Area() }

type Node struct {
	Value int
	Next  *Node
}

type Leaf struct {
	Key         int
	Left, Right *Leaf
	Payload     []byte
}

type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

type Tree[T any] struct {
	Value    T
	Children []*Tree[T]
}

type Stack[T any] struct {
	items []T
	lock  sync.Mutex
}

func (s *Stack[T]) Push(v T) { s.lock.Lock(); s.items = append(s.items, v); s.lock.Unlock() }

type Session struct {
	User    *User
	Started time.Time
	Cart    []Item
	Values  map[string]any
}

type Item struct {
	SKU   string
	Price float64
	Stock *int64
}

type Job struct {
	ID   int
	Done chan bool
	Run  func() int
}

type Wide struct {
	Head *User
	Body [1000]int64
	Tail *User
}

type Cell struct {
	P *User
	N int
}

type Mixed struct {
	B    bool
	I8   int8
	I16  int16
	I32  int32
	I64  int64
	F32  float32
	F64  float64
	C64  complex64
	C128 complex128
	R    rune
	P    uintptr
	S    string
	A    any
	E    error
	F    func()
	M    map[int]int
	C    chan int
	Sl   []int
	Arr  [3]string
	U    unsafe.Pointer
	Next *Mixed
}

type Finalized struct {
	Name string
	Ref  *User
}

type Secret struct {
	Key  [4]uint64
	Next *Secret
}

// Parked objects are held by nothing but the frame of a blocked goroutine.
type Parked struct {
	User
	Since int64
}

// Published is held by an atomic.Pointer, which is an unsafe.Pointer inside.
type Published struct {
	Name  string
	Owner *User
}

type fault struct {
	Code int
	Why  string
}

func (f *fault) Error() string { return f.Why }

// ---- the roots ----

var (
	usersByName  map[string]*User // 1e5 entries, every fifth deleted
	squares      map[int]int      // 1e5 entries, no pointers
	mapNil       map[string]int
	mapEmpty     map[string]int
	mapOne       map[string]int
	mapEight     map[string]int
	mapNine      map[string]int
	mapPoints    map[Point]string
	mapAny       map[any]int
	mapBigValues map[int][200]byte
	mapBigKeys   map[[40]int]string
	mapNested    map[string]map[string]int
	mapPointers  map[*User]bool
	mapFloats    map[float64]complex128
	mapFuncs     map[string]Handler
	mapSlices    map[string][]string
	mapIfaces    map[string]Shape
	mapEmptyVals Set
	mapHoles     map[int]*Item // 10000 entries, 9 of 10 deleted

	sliceInts     []int
	sliceStrings  Names
	sliceSlices   [][]Item
	sliceUsers    []*User
	sliceStructs  []Pair[string, *User]
	sliceEmpty    []User
	pinning       []byte // 10 bytes of a 16 MiB array
	pinningStruct []Cell // 2 cells of 5000
	matrix        [][]float64
	arrays        *[8][16]*Point
	arrayOfArrays *[20000]Cell // a type of more than 128 KB: described by a GC program up to Go 1.23
	pointersLarge []*Item
	noPointers    []uint64
	largeStrings  []string

	bigString string
	substrs   []string
	smallStr  []string

	chanUsers   chan *User
	chanStructs chan Pair[string, int]
	chanEmpty   chan int
	chanZero    chan struct{}
	chanChans   chan chan *Node
	chanWrapped chan int // its ring begins in the middle
	chanRecv    <-chan string

	anyPointer  any
	anyValue    any
	anyScalar   any
	anyString   any
	anySlice    any
	anyMap      any
	anyFunc     any
	shapes      []Shape
	anys        []any
	errs        []error
	stringer    interface{ String() string }
	closures    []func() int
	counters    []func() int
	methodValue func() float64
	methodExpr  func(Circle) float64
	boundUser   func(int)

	nodes     *Node
	leaves    *Leaf
	generic   *Tree[string]
	genericU  *Tree[*User]
	stack     *Stack[Pair[ID, *User]]
	admins    []*Admin
	sessions  map[string]*Session
	jobs      []*Job
	wides     []*Wide
	mixed     *Mixed
	dlist     *list.List
	cycle     *User
	tiny      []*int32
	tinyBools []*bool
	tinyBytes [][]byte
	zeroSized *struct{}

	syncMap    sync.Map
	pool       sync.Pool
	pooled     []*bytes.Buffer
	timer      *time.Timer
	ticker     *time.Ticker
	afterFunc  *time.Timer
	buffer     *bytes.Buffer
	number     *big.Int
	ctx        context.Context
	cancel     context.CancelFunc
	server     *http.Server
	client     *http.Client
	request    *http.Request
	where      *url.URL
	mutex      *sync.RWMutex
	waitGroup  *sync.WaitGroup
	once       *sync.Once
	published  atomic.Pointer[Published]
	atomicAny  atomic.Value
	raw        unsafe.Pointer
	rawInner   unsafe.Pointer // into the middle of a Secret
	finalized  []*Finalized
	made       []any           // values of types that reflect made at run time
	madeValues []reflect.Value // the same as reflect.Value
	anonymous  []*struct {
		A, B int
		C    *User
	}
	blocked chan *User // nobody sends
	freed   chan *Point
)
