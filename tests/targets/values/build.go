package main

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// number is the number of the goroutine that calls it.
func number() uint64 {
	buf := make([]byte, 64)
	buf = buf[:runtime.Stack(buf, false)]
	n, _ := strconv.ParseUint(string(bytes.Fields(buf)[1]), 10, 64)
	return n
}

// hmap is the beginning of runtime.hmap, Go 1.21 to 1.23.
type hmap struct {
	count      int
	flags, b   uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
}

func old() bool {
	v := runtime.Version()
	return strings.HasPrefix(v, "go1.21") || strings.HasPrefix(v, "go1.22") || strings.HasPrefix(v, "go1.23")
}

func header(m map[int]int) *hmap { return *(**hmap)(unsafe.Pointer(&m)) }

func build() {
	VUintptr = uintptr(0xdeadbeef)
	VCycle.Next = &Node{VCycle, 2}
	for i := 20; i > 0; i-- {
		VList = &Node{VList, i}
	}
	VSelf = []any{1, nil}
	VSelf[1] = VSelf
	VUser.Friend = &User{Base: Base{8}, Name: "Grace"}
	buildMaps()
	buildChannels()
	buildStandard()
	for i := 0; i < 1000; i++ {
		ChurnMap[i] = i * 2
	}
}

func buildMaps() {
	for i := 0; i < 8; i++ {
		MEight[i*10] = -i
	}
	for i := 0; i < 9; i++ {
		MNine[i*10] = -i
	}
	for i := 0; i < 100_000; i++ {
		MLarge[i*7] = i
	}
	for i := 0; i < 500; i++ {
		MStrings[fmt.Sprint("key ", i)] = fmt.Sprint("value ", i*i)
		MKeys[Key{fmt.Sprint("host", i%50), uint16(i)}] = &User{Base: Base{i}, Name: fmt.Sprint("user ", i)}
		MMany[fmt.Sprint("u", i)] = &User{Base: Base{i}, Name: fmt.Sprint("user ", i), Tags: []string{"t"}}
	}
	for i := 0; i < 5000; i++ {
		MHoles[i] = strconv.Itoa(i)
	}
	for i := 0; i < 5000; i++ {
		if i%5 != 0 {
			delete(MHoles, i)
		}
	}
	for i := 0; i < 20; i++ {
		var w Wide
		w[0], w[39] = i, -i
		MBigElems[i] = w
		MBigKeys[w] = fmt.Sprint("wide ", i)
		MBigBoth[w] = w
		MPointers[&User{Base: Base{i}}] = i
	}
	// stop while it grows: before Go 1.24 a map moves to its new buckets little by little
	for i := 0; i < 1<<16; i++ {
		MGrowing[i] = -i
		if old() && i > 3000 {
			if h := header(MGrowing); h.oldbuckets != nil && h.flags&8 == 0 {
				// some more, so that a part has moved
				for j := 0; j < 100; j++ {
					MGrowing[i+1+j] = -(i + 1 + j)
				}
				growing = header(MGrowing).oldbuckets != nil
				break
			}
		}
	}
	// the same with as many buckets as before: too many overflow buckets
	for round := 0; round < 200_000 && old() && !sameSize; round++ {
		for i := 0; i < 40; i++ {
			MSameSize[round*40+i] = round
			if h := header(MSameSize); h.oldbuckets != nil && h.flags&8 != 0 && len(MSameSize) > 100 {
				sameSize = true
				break
			}
		}
		if !sameSize && round > 78 {
			for i := 0; i < 40; i++ {
				delete(MSameSize, (round-78)*40+i)
			}
		}
	}
}

//go:noinline
func receive(c chan int, label string) int {
	count := len(label) * 2
	blocked.Add(1)
	got := <-c
	return got + count
}

//go:noinline
func holder(u *User, n int, text string, done chan int) int {
	local := Point{n, -n}
	words := []string{text, "two"}
	waiter = number()
	blocked.Add(1)
	n += <-done
	fmt.Fprint(discard{}, local, words, u)
	return n
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func buildChannels() {
	for i := 0; i < 6; i++ {
		CRing <- fmt.Sprint("item ", i)
		if i > 1 && i < 5 {
			<-CRing
		}
	}
	for i := 0; i < 5; i++ {
		CStructs <- Point{i, i * i}
	}
	CClosed <- 1
	CClosed <- 2
	close(CClosed)
	CSignal <- struct{}{}
	CSignal <- struct{}{}
	go receive(CReceivers, "first")
	go receive(CReceivers, "second")
	CSenders <- 1
	go func() { blocked.Add(1); CSenders <- 2 }()
	go holder(VUser, 41, "forty-one", make(chan int))
	wanted += 4
	n, label := 40, strings.ToLower("Forty")
	p := VUser
	FAdder = func(x int) int {
		n++
		sink = label
		return x + n + p.ID
	}
	FAdder(1)
	FMethod = (&Square{5}).Area
}

func buildStandard() {
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		panic(err)
	}
	TZurich = time.Date(2026, 1, 2, 3, 4, 5, 0, zurich)
	TSummer = time.Date(2026, 7, 2, 3, 4, 5, 500000000, zurich)
	_, n, _ := net.ParseCIDR("2001:db8::/33")
	NNet6 = *n
	SBuffer.WriteString("read not read")
	SBuffer.Next(5)
	SBuilder.WriteString("built")
	SMutex.Lock()
	go func() { blocked.Add(1); SMutex.Lock() }()
	go func() { blocked.Add(1); SMutex.Lock() }()
	SReaders.RLock()
	SReaders.RLock()
	SWriter.Lock()
	go func() { blocked.Add(1); SWriter.RLock() }()
	SGroup.Add(3)
	go func() { blocked.Add(1); SGroup.Wait() }()
	wanted += 4
	SOnce.Do(func() {})
	SFree.Lock()
	SFree.Unlock()
	if len(VSlice) == 0 {
		SNotYet.Do(func() {})
	}
	for i := 0; i < 50; i++ {
		SMap.Store(fmt.Sprint("k", i), i)
	}
	SMap.Load("k1")
	for i := 0; i < 50; i += 2 {
		SMap.Delete(fmt.Sprint("k", i))
	}
	SMap.Store(Point{1, 2}, "point")
	AInt32.Store(-32)
	AInt64.Store(math.MinInt64)
	AUint64.Store(math.MaxUint64)
	ABool.Store(true)
	APointer.Store(VUser)
	AValue.Store("in a value")
}

func makeBig(n int) {
	BigInts, BigStrings = make(map[int]int), make(map[string]int)
	BigStructs, BigUsers = make(map[string]Point), make(map[string]*User)
	for i := 0; i < n; i++ {
		k := fmt.Sprintf("key-%08d", i)
		BigInts[i] = i * 3
		BigStrings[k] = i
		BigStructs[k] = Point{i, -i}
		BigUsers[k] = &User{Base: Base{i}, Name: k}
	}
}

var sink any

const short = "aaaaaaaaaa"

var (
	long    = strings.Repeat("b", 3000)
	stop    chan struct{}
	stopped chan struct{}
)

func churn() {
	stop, stopped = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if i%2 == 0 {
				ChurnString, ChurnSlice, ChurnAny = long, make([]int, 300), long
			} else {
				ChurnString, ChurnSlice, ChurnAny = short, []int{1, 1, 1, 1}, i
			}
			k := i * 7919 % 100_003
			ChurnMap[k] = k * 2
			delete(ChurnMap, i*104_729%100_003)
		}
	}()
}

func calm() {
	close(stop)
	<-stopped
}
