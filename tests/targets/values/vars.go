package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata"
	"unsafe"
)

type (
	Celsius float64
	Color   uint8
	Name    string
	Point   struct{ X, Y int }
	Key     struct {
		Host string
		Port uint16
	}
	Pair[K comparable, V any] struct {
		Key   K
		Value V
	}
	Tree[T any] struct {
		Left, Right *Tree[T]
		Value       T
	}
	Audit struct {
		By   string
		When int64
	}
	Base struct{ ID int }
	User struct {
		Base
		Name   string
		Age    uint8
		Tags   []string
		Friend *User
		secret string
	}
	Admin struct {
		User
		*Audit
		Level int
	}
	Node struct {
		Next *Node
		N    int
	}
	Shape  interface{ Area() float64 }
	Circle struct{ R float64 }
	Square struct{ A float64 }
	Wide   [40]int
	Padded struct {
		A bool
		_ [3]byte
		B int32
		_ int
		C bool
	}
	Empty  struct{}
	Single struct{ P *int }
	OneFn  [1]func()
)

func (c Circle) Area() float64  { return math.Pi * c.R * c.R }
func (s *Square) Area() float64 { return s.A * s.A }

// Scalars.
var (
	VBool              = true
	VInt               = -5
	VInt8       int8   = -128
	VInt16      int16  = -32768
	VInt32      int32  = math.MinInt32
	VInt64      int64  = math.MinInt64
	VUint       uint   = math.MaxUint64
	VUint8      uint8  = 255
	VUint16     uint16 = 65535
	VUint32     uint32 = math.MaxUint32
	VUint64     uint64 = math.MaxUint64
	VUintptr    uintptr
	VFloat32    float32 = 0.1
	VFloat64            = 0.1
	VNaN                = math.NaN()
	VInf                = math.Inf(1)
	VNegInf             = math.Inf(-1)
	VNegZero            = math.Copysign(0, -1)
	VFloats             = []float64{1e5, 1e6, 1234567, 1e20, 1e21, 1e22, 1e-4, 1e-5, 1.5e-7, 5e-324, math.MaxFloat64}
	VSmall              = []float32{1e5, 16777216, 0.1, 1e-45, math.MaxFloat32}
	VComplex64          = complex64(complex(1, -2.5))
	VComplex128         = complex(math.Pi, -0.5)
	VCelsius    Celsius = 36.6
	VColor      Color   = 3
	VName       Name    = "named"
)

// Strings.
var (
	VString    = "hello, 世界\n\t\"quoted\" \\ \x00\x7f"
	VEmpty     = ""
	VBadUTF8   = "a\xff\xfeb\xc3"
	VLong      = strings.Repeat("0123456789", 1000)
	VCutRune   = strings.Repeat("é", 300)
	VStrings   = []string{"a", "", "c"}
	VBytes     = []byte("bytes\x00\xff")
	VTextBytes = []byte("text")
	VNilBytes  []byte
	VNoBytes   = []byte{}
	VHash      = [4]byte{1, 2, 0xfe, 0xff}
)

// What has parts.
var (
	VArray    = [3]int{1, 2, 3}
	VNested   = [2][2]Point{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}
	VNone     = [0]int{}
	VSlice    = []int{1, 2, 3, 4, 5}
	VSub      = VSlice[1:3]
	VNilSlice []int
	VNoSlice  = []int{}
	VStructs  = []Point{{1, 2}, {3, 4}}
	VEmpties  = []Empty{{}, {}, {}}
	VPoint    = Point{3, -4}
	VPadded   = Padded{A: true, B: -7, C: true}
	VPair     = Pair[string, int]{"seven", 7}
	VTree     = &Tree[int]{&Tree[int]{nil, nil, 1}, &Tree[int]{nil, nil, 3}, 2}
	VUser     = &User{Base: Base{7}, Name: "Ada", Age: 36, Tags: []string{"a", "b"}, secret: "s3cret"}
	VAdmin    = Admin{User: *VUser, Audit: &Audit{"root", 99}, Level: 3}
	VNilUser  *User
	VPtrPtr   = &VUser
	VCycle    = &Node{N: 1}
	VList     *Node
	VAnon     = struct {
		A int
		B struct{ C string }
	}{1, struct{ C string }{"inner"}}
	VUnsafe = unsafe.Pointer(&VInt)
	VSelf   []any
)

// Interfaces.
var (
	VAnys = []any{
		nil, 1, int8(2), uint64(math.MaxUint64), 1.5, float32(0.1), "text", true, Point{1, 2}, &Point{3, 4},
		[]int{1}, map[string]int{"a": 1}, Celsius(1.25), Color(2), Name("n"), complex(1, 2), Empty{}, [2]string{"x", "y"},
		Single{&VInt}, errors.New("plain"), Pair[int, string]{1, "one"}, (*User)(nil), struct{ A, B int }{1, 2},
	}
	VShape    Shape = Circle{2}
	VShapePtr Shape = &Square{3}
	VNilShape Shape
	VError    error = fmt.Errorf("wrapped: %w", errors.New("cause"))
	VStringer fmt.Stringer
)

// Maps.
var (
	MNil      map[string]int
	MEmpty    = map[string]int{}
	MOne      = map[string]int{"one": 1}
	MEight    = map[int]int{}
	MNine     = map[int]int{}
	MLarge    = map[int]int{}
	MStrings  = map[string]string{}
	MHoles    = map[int]string{}
	MGrowing  = map[int]int{}
	MSameSize = map[int]int{}
	MKeys     = map[Key]*User{}
	MPoints   = map[Point]string{{1, 2}: "a", {3, 4}: "b"}
	MArrays   = map[[2]int8]bool{{1, 2}: true, {3, 4}: false}
	MAny      = map[any]int{1: 1, "1": 2, int8(1): 3, 1.0: 4, Point{1, 2}: 5, true: 6, nil: 7}
	MShapes   = map[string]Shape{"c": Circle{1}, "s": &Square{2}, "n": nil}
	MBigElems = map[int]Wide{}
	MBigKeys  = map[Wide]string{}
	MBigBoth  = map[Wide]Wide{}
	MSet      = map[string]Empty{"x": {}, "y": {}}
	MFloats   = map[float64]int{1.5: 1, math.Inf(1): 2, -0.25: 3}
	MBools    = map[bool]string{true: "t", false: "f"}
	MNested   = map[string]map[int][]string{"a": {1: {"x"}, 2: nil}, "b": {}, "c": nil}
	MPointers = map[*User]int{}
	MUint8    = map[uint8]Color{1: 2, 200: 3}
	MMany     = map[string]*User{}
	MStructs  = map[int]struct {
		A string
		B []int
	}{1: {"x", []int{1, 2}}, 2: {"y", nil}}
	Watched       = map[string]int{"old": 1, "stays": 2}
	WatchedNumber = 41
)

// Channels and functions.
var (
	CNil       chan int
	CEmpty     = make(chan int)
	CRing      = make(chan string, 4)
	CStructs   = make(chan Point, 8)
	CClosed    = make(chan int, 2)
	CSignal    = make(chan struct{}, 5)
	CReceivers = make(chan int)
	CSenders   = make(chan int, 1)
	FNil       func()
	FPlain     = helper
	FAdder     func(int) int
	FMethod    func() float64
	FExpr      = Circle.Area
)

// Types of the standard library.
var (
	TZero      time.Time
	TUTC       = time.Date(2026, 11, 25, 18, 9, 38, 123456789, time.UTC)
	TFixed     = time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("XYZ", -(3*3600+1800)))
	TZurich    time.Time
	TSummer    time.Time
	TNow       = time.Now()
	TOld       = time.Date(1200, 1, 2, 3, 4, 5, 6, time.UTC)
	TUnix      = time.Unix(1700000000, 5)
	TDurations = []time.Duration{0, 1, 1500, 2500000, 90 * time.Second, -time.Hour, 36*time.Hour + 5*time.Millisecond, math.MaxInt64, math.MinInt64 + 1}
	TMonth     = time.March
	TDay       = time.Sunday
	NIP4       = net.IPv4(10, 1, 2, 3)
	NIP6       = net.ParseIP("2001:db8::1")
	NNet       = &net.IPNet{IP: net.IPv4(10, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}
	NNet6      net.IPNet
	NHardware  = net.HardwareAddr{0, 0x1b, 0x21, 0xaa, 0xbb, 0xcc}
	NAddr4     = netip.MustParseAddr("192.0.2.7")
	NAddr6     = netip.MustParseAddr("2001:db8::7")
	NAddrZone  = netip.MustParseAddr("fe80::1%eth0")
	NAddr4In6  = netip.MustParseAddr("::ffff:1.2.3.4")
	NAddrNone  netip.Addr
	NAddrPort  = netip.MustParseAddrPort("[2001:db8::7]:443")
	NPrefix    = netip.MustParsePrefix("10.0.0.0/9")
	BInt       = new(big.Int).Exp(big.NewInt(-7), big.NewInt(151), nil)
	BSmall     = *big.NewInt(42)
	BZero      big.Int
	BRat       = big.NewRat(-3, 7)
	SRegexp    = regexp.MustCompile(`^a+(b|c)$`)
	SBuffer    bytes.Buffer
	SBuilder   strings.Builder
	SMutex     sync.Mutex
	SFree      sync.Mutex
	SReaders   sync.RWMutex
	SWriter    sync.RWMutex
	SGroup     sync.WaitGroup
	SOnce      sync.Once
	SNotYet    sync.Once
	SMap       sync.Map
	SPool      = sync.Pool{New: func() any { return new(int) }}
	AInt32     atomic.Int32
	AInt64     atomic.Int64
	AUint64    atomic.Uint64
	ABool      atomic.Bool
	APointer   atomic.Pointer[User]
	AValue     atomic.Value
)

// Written to all the time, when asked to.
var (
	ChurnString     = short
	ChurnSlice      = []int{1, 1, 1, 1}
	ChurnMap        = map[int]int{}
	ChurnAny    any = 1
)

// Large maps, when asked for.
var (
	BigInts    map[int]int
	BigStrings map[string]int
	BigStructs map[string]Point
	BigUsers   map[string]*User
)

var (
	blocked  atomic.Int32
	wanted   int32
	waiter   uint64
	sameSize bool
	growing  bool
)

func helper() {}
