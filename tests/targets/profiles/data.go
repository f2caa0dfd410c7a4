package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

func init() {
	add("sizes", "two hundred sizes at one line, so one stack has many records", func() {
		for i := 1; i <= 200; i++ {
			for j := 0; j < 1+i%5; j++ {
				keep(sized(i * 48))
			}
		}
	})
	add("tiny", "objects of less than 16 bytes without pointers, which share a slot", tiny)
	add("big", "objects of megabytes, beside some of bytes", func() {
		for i := 0; i < 4; i++ {
			keep(sized(8<<20 + i))
		}
		keep(sized(1 << 30 >> 3))
		for i := 0; i < 100; i++ {
			keep(sized(3))
		}
	})
	add("freed", "most of what was allocated is free again; some stacks hold nothing", freed)
	add("runtime", "maps, channels, strings, appends, interfaces, goroutines: the runtime allocates for them", fromRuntime)
	add("standard", "json, fmt, regexp, reflect, sort, strings: stacks that lead through the standard library", standard)
	add("sampled", "many small objects, so that default sampling finds a few", func() {
		for i := 0; i < 60000; i++ {
			keep(sampled(i))
		}
		for i := 0; i < 40000; i++ {
			sink = sampled(i)
		}
	})
	add("nothing", "a program that does nothing", func() {})
}

var sink any

//go:noinline
func sized(n int) []byte { return make([]byte, n) }

//go:noinline
func sampled(i int) any {
	switch i % 4 {
	case 0:
		return sized(i % 1500)
	case 1:
		return strings.Repeat("x", i%300)
	case 2:
		return &list{data: sized(i % 100)}
	}
	return new([512]byte)
}

//go:noinline
func tiny() {
	for i := 0; i < 300; i++ {
		keep(new(int8))
		keep(new(int32))
		keep(strconv.Itoa(i + 1000))
		keep([3]byte{1, 2, byte(i)})
		keep(float64(i) + 0.5)
	}
}

//go:noinline
func freed() {
	for i := 0; i < 400; i++ {
		temporary(i)
		if i%10 == 0 {
			keep(half(i))
		}
	}
	drop(100)
}

//go:noinline
func temporary(i int) { sink = sized(i * 20); sink = nil }

//go:noinline
func half(i int) any {
	sink = sized(500 + i)
	v := sized(500 + i)
	sink = nil
	return v
}

//go:noinline
func drop(n int) {
	all := make([][]byte, n)
	for i := range all {
		all[i] = sized(i * 100)
	}
	sink = all
	sink = nil
}

type pair struct {
	key   string
	value any
}

//go:noinline
func fromRuntime() {
	m := map[string]*pair{}
	for i := 0; i < 500; i++ {
		k := "key" + strconv.Itoa(i)
		m[k] = &pair{k, i}
	}
	keep(m)
	sized := make(map[int]int, 1000)
	for i := 0; i < 1000; i++ {
		sized[i*7919] = i
	}
	keep(sized)
	for i := 1; i < 20; i++ {
		keep(make(chan int, i))
		keep(make(chan *pair, i*10))
		keep(make(chan struct{}))
	}
	text := ""
	for i := 0; i < 60; i++ {
		text += "part " + strconv.Itoa(i)
		keep(text)
	}
	keep([]byte(text))
	keep(string([]byte(text)[10:90]))
	keep([]rune(text))
	var grown []int
	for i := 0; i < 3000; i++ {
		grown = append(grown, i)
	}
	keep(grown)
	var anything []any
	for i := 0; i < 300; i++ {
		anything = append(anything, i*1000, float32(i), pair{"a", i})
	}
	keep(anything)
	keep(time.AfterFunc(time.Hour, func() {}))
	keep(reflect.ValueOf(m).MapKeys())
	keep(new(struct {
		a, b *int
		c    [1000]string
	}))
}

//go:noinline
func standard() {
	type item struct {
		Name  string            `json:"name"`
		Tags  []string          `json:"tags"`
		Props map[string]string `json:"props"`
	}
	for i := 0; i < 30; i++ {
		text, err := json.Marshal(item{fmt.Sprint("n", i), strings.Fields("a b c d"), map[string]string{"k": "v"}})
		must(err)
		var back item
		must(json.Unmarshal(text, &back))
		keep(back)
		var any map[string]any
		must(json.Unmarshal(text, &any))
		keep(any)
		keep(fmt.Sprintf("%v %q %08d", back, text, i))
	}
	for i := 0; i < 10; i++ {
		keep(regexp.MustCompile(fmt.Sprintf(`^(a|b%d)[c-x]*?(\d+)$`, i)))
	}
	var buffer bytes.Buffer
	for i := 0; i < 100; i++ {
		fmt.Fprintf(&buffer, "line %d\n", i)
	}
	keep(strings.Split(buffer.String(), "\n"))
	words := strings.Fields(buffer.String())
	sort.Slice(words, func(i, j int) bool {
		keep(sized(i + j))
		return words[i] < words[j]
	})
	keep(reflect.MakeSlice(reflect.TypeOf(words), 100, 200).Interface())
	f := reflect.ValueOf(sized)
	keep(f.Call([]reflect.Value{reflect.ValueOf(777)})[0].Interface())
	made := reflect.MakeFunc(f.Type(), func(in []reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(sized(int(in[0].Int()) * 2))}
	})
	keep(made.Interface().(func(int) []byte)(500))
}
