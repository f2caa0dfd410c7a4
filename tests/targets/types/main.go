// Command types holds one of everything that can live on a Go heap: about 400,000 objects in 90 MB, all reachable from
// package variables or from the stacks of blocked goroutines. It then prints what runtime.MemStats says, and how many
// objects there are of each type of which the number is known, and never allocates again.
package main

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"gosnap.test/ready"
)

const (
	nUsers    = 100_000
	nNodes    = 20_000
	nLeaves   = 1<<13 - 1
	nAdmins   = 1000
	nSessions = 2000
	nJobs     = 500
	nWides    = 100
	nMixed    = 50
	nBlocked  = 100
	nFinal    = 20
	nSquares  = 500
	nSecrets  = 10
)

type count struct {
	name string
	n    int
}

// Exact numbers of objects that were allocated one by one, hold just this type, and are reached through typed
// references.
var counts = []count{
	{"main.Admin", nAdmins},
	{"main.Audit", nAdmins / 10},
	{"main.Finalized", nFinal},
	{"main.Job", nJobs},
	{"main.Leaf", nLeaves},
	{"main.Mixed", nMixed},
	{"main.Node", nNodes},
	{"main.Session", nSessions},
	{"main.Square", nSquares + 1}, // one in a method value
	{"main.Wide", nWides},
}

// Exact numbers too, but no typed reference in memory leads to these.
var hidden = []count{
	{"main.Parked", nBlocked},
	{"main.Published", 1},
	{"main.Secret", nSecrets},
}

// users is main.User objects made in all that stay.
var users int

func newUser(i int) *User {
	users++
	return &User{
		ID:    ID(i),
		Name:  fmt.Sprintf("user-%06d", i),
		Email: fmt.Sprintf("user-%06d@example.org", i),
		Age:   uint8(i % 90),
		Home:  Address{Street: streets[i%len(streets)], City: "Bern", Zip: int32(3000 + i%100)},
	}
}

var streets = []string{"Marktgasse", "Kramgasse", "Bundesplatz", "Laupenstrasse"}

func buildMaps() {
	usersByName = make(map[string]*User)
	for i := 0; i < nUsers; i++ {
		u := newUser(i)
		if i%3 == 0 {
			u.Tags = []string{"a", u.Name[5:], "long-lived"}
		}
		usersByName[u.Name] = u
	}
	for i := 0; i < nUsers; i += 5 {
		delete(usersByName, fmt.Sprintf("user-%06d", i))
		users--
	}
	squares = make(map[int]int)
	for i := 0; i < 100_000; i++ {
		squares[i] = i * i
	}
	mapEmpty = make(map[string]int)
	fill := func(n int) map[string]int {
		m := make(map[string]int)
		for i := 0; i < n; i++ {
			m[fmt.Sprintf("key-%d", i)] = i
		}
		return m
	}
	mapOne, mapEight, mapNine = fill(1), fill(8), fill(9)
	mapPoints = make(map[Point]string)
	for i := 0; i < 1000; i++ {
		mapPoints[Point{int32(i), int32(-i)}] = fmt.Sprintf("point %d", i)
	}
	mapAny = map[any]int{1: 1, "two": 2, 3.5: 3, Point{4, 4}: 4, [2]string{"fi", "ve"}: 5, true: 6, ID(7): 7}
	for i := 0; i < 300; i++ {
		mapAny[fmt.Sprintf("any-%d", i)] = i
		mapAny[Pair[string, int]{fmt.Sprint(i), i}] = i
	}
	mapBigValues = make(map[int][200]byte)
	mapBigKeys = make(map[[40]int]string)
	for i := 0; i < 500; i++ {
		mapBigValues[i] = [200]byte{byte(i), 1, 2, 3}
		mapBigKeys[[40]int{i, 1, 2}] = fmt.Sprintf("big key %d", i)
	}
	mapNested = make(map[string]map[string]int)
	for i := 0; i < 200; i++ {
		mapNested[fmt.Sprintf("outer-%d", i)] = fill(i % 20)
	}
	mapPointers = make(map[*User]bool)
	n := 0
	for i := 1; n < 1000; i++ {
		if u := usersByName[fmt.Sprintf("user-%06d", i)]; u != nil {
			mapPointers[u] = n%2 == 0
			n++
		}
	}
	mapFloats = map[float64]complex128{0.5: 1i, 1.5: 2 + 2i}
	mapFuncs = make(map[string]Handler)
	mapSlices = make(map[string][]string)
	mapIfaces = make(map[string]Shape)
	mapEmptyVals = make(Set)
	for i := 0; i < 100; i++ {
		name, width := fmt.Sprintf("f%d", i), i
		mapFuncs[name] = func(s string) int { return len(s) + width }
		mapSlices[name] = []string{name, "x", name + "y"}
		mapIfaces[name] = Circle{float64(i)}
		mapEmptyVals[name] = struct{}{}
	}
	mapHoles = make(map[int]*Item)
	for i := 0; i < 10_000; i++ {
		mapHoles[i] = &Item{SKU: fmt.Sprintf("sku-%d", i)}
	}
	for i := 0; i < 10_000; i++ {
		if i%10 != 0 {
			delete(mapHoles, i)
		}
	}
}

func buildSlices() {
	sliceInts = make([]int, 0, 5000)
	for i := 0; i < 4000; i++ {
		sliceInts = append(sliceInts, i)
	}
	for i := 0; i < 10_000; i++ {
		sliceStrings = append(sliceStrings, fmt.Sprintf("a string of some length, number %d", i))
	}
	for i := 0; i < 2000; i++ {
		row := make([]Item, i%7)
		for j := range row {
			n := int64(j)
			row[j] = Item{SKU: fmt.Sprintf("row-%d-%d", i, j), Price: float64(j), Stock: &n}
		}
		sliceSlices = append(sliceSlices, row)
	}
	for _, u := range usersByName {
		if sliceUsers = append(sliceUsers, u); len(sliceUsers) == 10_000 {
			break
		}
	}
	for i, u := range sliceUsers[:3000] {
		sliceStructs = append(sliceStructs, Pair[string, *User]{fmt.Sprintf("pair-%d", i), u})
	}
	sliceEmpty = []User{}
	large := make([]byte, 16<<20)
	for i := range large {
		large[i] = byte(i >> 8)
	}
	pinning = large[5000:5010]
	cells := make([]Cell, 5000)
	for i := range cells {
		cells[i] = Cell{sliceUsers[i], i}
	}
	pinningStruct = cells[1000:1002]
	for i := 0; i < 300; i++ {
		row := make([]float64, 300)
		for j := range row {
			row[j] = float64(i * j)
		}
		matrix = append(matrix, row)
	}
	arrays = new([8][16]*Point)
	for i := range arrays {
		for j := range arrays[i] {
			arrays[i][j] = &Point{int32(i), int32(j)}
		}
	}
	arrayOfArrays = new([20000]Cell)
	for i := range arrayOfArrays {
		if i%2 == 0 {
			arrayOfArrays[i] = Cell{sliceUsers[i%len(sliceUsers)], i}
		}
	}
	pointersLarge = make([]*Item, 1_400_000)
	for i := 0; i < 5000; i++ {
		pointersLarge[i*280] = &Item{SKU: "large", Price: float64(i)}
	}
	noPointers = make([]uint64, 1_500_000)
	for i := range noPointers {
		noPointers[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	largeStrings = make([]string, 5000)
	for i := range largeStrings {
		largeStrings[i] = streets[i%len(streets)]
	}
	bigString = strings.Repeat("gosnap ", 500_000)
	for i := 0; i < 1000; i++ {
		substrs = append(substrs, bigString[i*7:i*7+6])
		smallStr = append(smallStr, fmt.Sprint(i))
	}
}

func buildChannels() {
	chanUsers = make(chan *User, 1000)
	for i := 0; i < 700; i++ {
		chanUsers <- newUser(1_000_000 + i)
	}
	chanStructs = make(chan Pair[string, int], 64)
	for i := 0; i < 40; i++ {
		chanStructs <- Pair[string, int]{fmt.Sprintf("item %d", i), i}
	}
	chanEmpty = make(chan int, 16)
	chanZero = make(chan struct{})
	chanChans = make(chan chan *Node, 4)
	chanChans <- make(chan *Node, 2)
	chanWrapped = make(chan int, 8)
	for i := 0; i < 13; i++ {
		if i >= 8 {
			<-chanWrapped
		}
		chanWrapped <- i
	}
	texts := make(chan string, 3)
	texts <- fmt.Sprintf("text %d", len(texts))
	chanRecv = texts
	blocked = make(chan *User)
	freed = make(chan *Point)
}

func buildInterfaces() {
	anyPointer = newUser(2_000_000)
	anyValue = Address{Street: "Zytglogge", City: "Bern"}
	anyScalar = 123456789
	anyString = fmt.Sprint("boxed ", len(usersByName))
	anySlice = []ID{1, 2, 3}
	anyMap = map[ID]string{1: "one"}
	anyFunc = func() int { return len(sliceInts) }
	for i := 0; i < nSquares; i++ {
		s := &Square{float64(i), "square"}
		shapes = append(shapes, s, Circle{float64(i)}, Direct{s})
	}
	for i := 0; i < 3000; i++ {
		switch i % 8 {
		case 0:
			anys = append(anys, i+1000)
		case 1:
			anys = append(anys, fmt.Sprintf("any %d", i))
		case 2:
			anys = append(anys, float64(i)+0.5)
		case 3:
			anys = append(anys, Point{int32(i), 1})
		case 4:
			anys = append(anys, []string{"a", "b"})
		case 5:
			anys = append(anys, &Pair[int, string]{i, "p"})
		case 6:
			anys = append(anys, [4]int{i})
		default:
			anys = append(anys, uint8(i))
		}
	}
	for i := 0; i < 100; i++ {
		errs = append(errs, &fault{i, "broken"}, errors.New("plain"), fmt.Errorf("wrapped %d: %w", i, errs2(i)))
	}
	stringer = big.NewInt(1 << 40)
	for i := 0; i < 1000; i++ {
		u, n := sliceUsers[i], i
		closures = append(closures, func() int { return len(u.Name) + n })
		count := i
		counters = append(counters, func() int { count++; return count })
	}
	methodValue = (&Square{2, "bound"}).Area
	methodExpr = Circle.Area
	tree := &Stack[int]{}
	boundUser = tree.Push
	boundUser(7)
}

func errs2(i int) error { return &fault{-i, fmt.Sprint("cause ", i)} }

func buildStructures() {
	for i := 0; i < nNodes; i++ {
		nodes = &Node{i, nodes}
	}
	leaves = grow(0, nLeaves)
	generic = &Tree[string]{Value: "root"}
	genericU = &Tree[*User]{Value: sliceUsers[0]}
	for i := 0; i < 200; i++ {
		generic.Children = append(generic.Children, &Tree[string]{Value: fmt.Sprint("child ", i)})
		genericU.Children = append(genericU.Children, &Tree[*User]{Value: sliceUsers[i]})
	}
	stack = new(Stack[Pair[ID, *User]])
	for i := 0; i < 1000; i++ {
		stack.Push(Pair[ID, *User]{ID(i), sliceUsers[i]})
	}
	for i := 0; i < nAdmins; i++ {
		a := &Admin{Level: Level(i % 5)}
		a.Name = fmt.Sprint("admin ", i)
		if i%10 == 0 {
			a.Audit = &Audit{Created: int64(i), By: sliceUsers[i]}
		}
		admins = append(admins, a)
	}
	sessions = make(map[string]*Session)
	for i := 0; i < nSessions; i++ {
		s := &Session{User: sliceUsers[i], Started: time.Now(), Values: map[string]any{"n": i + 1000, "u": sliceUsers[i]}}
		for j := 0; j < i%4; j++ {
			s.Cart = append(s.Cart, Item{SKU: fmt.Sprintf("cart-%d", j), Price: 9.5})
		}
		sessions[fmt.Sprintf("session-%d", i)] = s
	}
	for i := 0; i < nJobs; i++ {
		j := &Job{ID: i, Done: make(chan bool, i%3)}
		j.Run = func() int { return j.ID }
		jobs = append(jobs, j)
	}
	for i := 0; i < nWides; i++ {
		wides = append(wides, &Wide{Head: sliceUsers[i], Tail: sliceUsers[i+1]})
	}
	for i := 0; i < nMixed; i++ {
		m := &Mixed{B: true, I64: int64(i), S: fmt.Sprint("mixed ", i), A: sliceUsers[i], E: errs[i], Next: mixed}
		m.F = func() { m.I64++ }
		m.M, m.C, m.Sl = map[int]int{i: i}, make(chan int, 2), []int{i, i}
		m.Arr = [3]string{fmt.Sprint("a", i), "b", "c"}
		m.U = unsafe.Pointer(sliceUsers[i])
		mixed = m
	}
	dlist = list.New()
	for i := 0; i < 1000; i++ {
		dlist.PushBack(fmt.Sprint("element ", i))
	}
	cycle = newUser(3_000_000)
	cycle.Friend = newUser(3_000_001)
	cycle.Friend.Friend = cycle
	for i := 0; i < 1000; i++ {
		n, b := int32(i), i%2 == 0
		tiny = append(tiny, &n)
		tinyBools = append(tinyBools, &b)
		tinyBytes = append(tinyBytes, append([]byte(nil), byte(i), 1, 2))
	}
	zeroSized = new(struct{})
	for i := 0; i < 64; i++ {
		anonymous = append(anonymous, &struct {
			A, B int
			C    *User
		}{i, i, sliceUsers[i]})
	}
}

func grow(low, n int) *Leaf {
	if n == 0 {
		return nil
	}
	half := (n - 1) / 2
	return &Leaf{
		Key:     low + half,
		Left:    grow(low, half),
		Right:   grow(low+half+1, n-1-half),
		Payload: []byte(fmt.Sprintf("payload of the leaf with number %d", low+half)),
	}
}

func buildLibrary() {
	for i := 0; i < 1000; i++ {
		syncMap.Store(fmt.Sprint("sync ", i), sliceUsers[i])
	}
	pool.New = func() any { return new(bytes.Buffer) }
	for i := 0; i < 8; i++ {
		b := bytes.NewBuffer(make([]byte, 0, 1024))
		pooled = append(pooled, b)
		pool.Put(b)
	}
	timer = time.NewTimer(24 * time.Hour)
	ticker = time.NewTicker(24 * time.Hour)
	afterFunc = time.AfterFunc(24*time.Hour, func() { nodes = nil })
	buffer = new(bytes.Buffer)
	for buffer.Len() < 100_000 {
		fmt.Fprintf(buffer, `{"line":%d,"text":"in a buffer"}`+"\n", buffer.Len())
	}
	number = new(big.Int).Exp(big.NewInt(7), big.NewInt(5000), nil)
	base, stop := context.WithCancel(context.Background())
	ctx = context.WithValue(base, ID(1), sliceUsers[1])
	ctx, cancel = context.WithTimeout(ctx, 24*time.Hour)
	_ = stop
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { w.Write(buffer.Bytes()) })
	server = &http.Server{Addr: "127.0.0.1:0", Handler: mux, ReadTimeout: time.Second}
	client = &http.Client{Transport: &http.Transport{MaxIdleConns: 10}, Timeout: time.Minute}
	request, _ = http.NewRequestWithContext(ctx, "POST", "http://example.org/a/b?c=d", strings.NewReader("body"))
	request.Header.Set("X-Test", "yes")
	where, _ = url.Parse("https://user:pass@example.org/path?q=1#f")
	mutex, waitGroup, once = new(sync.RWMutex), new(sync.WaitGroup), new(sync.Once)
	published.Store(&Published{"published", sliceUsers[5]})
	atomicAny.Store(&Address{City: "Thun"})
	secret := &Secret{Key: [4]uint64{1, 2, 3, 4}}
	for i := 1; i < nSecrets; i++ {
		secret = &Secret{Next: secret}
	}
	raw = unsafe.Pointer(secret)
	rawInner = unsafe.Pointer(&secret.Next.Key[2])
	for i := 0; i < nFinal; i++ {
		f := &Finalized{fmt.Sprint("finalized ", i), sliceUsers[i]}
		runtime.SetFinalizer(f, func(f *Finalized) { f.Ref = nil })
		finalized = append(finalized, f)
	}
	t := reflect.StructOf([]reflect.StructField{
		{Name: "Made", Type: reflect.TypeOf("")},
		{Name: "Owner", Type: reflect.TypeOf((*User)(nil))},
		{Name: "Size", Type: reflect.TypeOf(0)},
	})
	for i := 0; i < 100; i++ {
		v := reflect.New(t)
		v.Elem().Field(0).SetString(fmt.Sprint("made ", i))
		v.Elem().Field(1).Set(reflect.ValueOf(sliceUsers[i]))
		made = append(made, v.Interface())
	}
	array := reflect.New(reflect.ArrayOf(300, reflect.TypeOf(Cell{})))
	array.Elem().Index(7).Field(0).Set(reflect.ValueOf(sliceUsers[7]))
	slice := reflect.MakeSlice(reflect.SliceOf(t), 50, 60)
	m := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(Point{}), t))
	m.SetMapIndex(reflect.ValueOf(Point{1, 2}), slice.Index(0))
	c := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, t), 5)
	c.Send(slice.Index(1))
	madeValues = append(madeValues, array, slice, m, c)
}

var woken atomic.Int64

// hold keeps an object alive from its frame only.
func hold(u *Parked) {
	v := <-blocked
	woken.Add(int64(len(u.Name)))
	runtime.KeepAlive(u)
	runtime.KeepAlive(v)
}

// holdOnStack keeps a value of its own stack, with pointers in it, across the call that blocks.
func holdOnStack(u *Parked) {
	local := [4]frame{{u, 1}, {nil, 2}, {u, 3}}
	look(&local)
	runtime.KeepAlive(&local)
}

type frame struct {
	p *Parked
	n int
}

//go:noinline
func look(cells *[4]frame) {
	p := <-freed
	woken.Add(int64(cells[0].n))
	runtime.KeepAlive(p)
}

func buildGoroutines() {
	for i := 0; i < nBlocked; i++ {
		u := &Parked{Since: int64(i)}
		u.Name, u.Friend = fmt.Sprint("parked ", i), sliceUsers[i]
		if i%2 == 0 {
			go hold(u)
		} else {
			go holdOnStack(u)
		}
	}
	waiting := make(chan int)
	go func() {
		select {
		case <-blocked:
		case <-freed:
		case <-waiting:
		}
	}()
	go func() {
		mutex.Lock()
		mutex.Lock() // blocks for ever
	}()
	go func() { waitGroup.Add(1); waitGroup.Wait() }()
}

// sum reads every variable, so that neither the compiler nor the linker can drop one.
func sum() (n uint64) {
	lengths := []int{
		len(usersByName), len(squares), len(mapNil), len(mapEmpty), len(mapOne), len(mapEight), len(mapNine),
		len(mapPoints), len(mapAny), len(mapBigValues), len(mapBigKeys), len(mapNested), len(mapPointers),
		len(mapFloats), len(mapFuncs), len(mapSlices), len(mapIfaces), len(mapEmptyVals), len(mapHoles),
		len(sliceInts), len(sliceStrings), len(sliceSlices), len(sliceUsers), len(sliceStructs), len(sliceEmpty),
		len(pinning), len(pinningStruct), len(matrix), len(arrays), len(arrayOfArrays), len(pointersLarge),
		len(noPointers), len(largeStrings), len(bigString), len(substrs), len(smallStr), len(chanUsers),
		len(chanStructs), len(chanEmpty), len(chanZero), len(chanChans), len(chanWrapped), len(chanRecv),
		len(shapes), len(anys), len(errs), len(closures), len(counters), len(generic.Children),
		len(genericU.Children), len(stack.items), len(admins), len(sessions), len(jobs), len(wides), dlist.Len(),
		len(tiny), len(tinyBools), len(tinyBytes), len(pooled), buffer.Len(), number.BitLen(), len(finalized),
		len(made), len(madeValues), len(anonymous), len(server.Addr), int(client.Timeout), len(request.Method),
		len(where.Host), nodes.Value, leaves.Key, int(mixed.I64), len(cycle.Name), len(published.Load().Name),
		int(methodValue()), int(methodExpr(Circle{1})), len(stringer.String()), int(cap(blocked)), cap(freed),
	}
	for _, v := range lengths {
		n += uint64(v)
	}
	for _, v := range []any{anyPointer, anyValue, anyScalar, anyString, anySlice, anyMap, anyFunc, ctx, atomicAny.Load(),
		timer, ticker, afterFunc, mutex, waitGroup, once, raw, rawInner, zeroSized, boundUser, cancel} {
		if v != nil {
			n++
		}
	}
	syncMap.Range(func(_, _ any) bool { n++; return true })
	for _, c := range closures {
		n += uint64(c())
	}
	for _, c := range counters {
		n += uint64(c())
	}
	for _, s := range shapes {
		n += uint64(s.Area())
	}
	return n + newer()
}

func main() {
	seconds := flag.Int("seconds", 600, "end after so many seconds")
	mallocs := flag.Bool("mallocs", false, "also say how many objects of each size class were allocated and freed")
	flag.Parse()
	ready.Begin(*seconds)

	buildMaps()
	buildSlices()
	buildChannels()
	buildInterfaces()
	buildStructures()
	buildLibrary()
	buildNewer()
	buildGoroutines()
	total := sum()

	ready.Settle()
	// A collection empties pools, so these go in after the last one.
	for _, b := range pooled {
		pool.Put(b)
	}
	report := func() {
		ready.Report(*mallocs, func(l *ready.Line) {
			l.KeyInt("sum", total)
			l.Key("counts")
			l.Raw(`{"main.User":`)
			l.Int(uint64(users))
			for _, c := range counts {
				l.KeyInt(c.name, uint64(c.n))
			}
			l.Raw("}")
			l.Key("hidden")
			l.Raw("{")
			for _, c := range hidden {
				l.KeyInt(c.name, uint64(c.n))
			}
			l.Raw("}")
		})
	}
	report()
	ready.Wait(func(byte) { report() })
}
