// Package ready is what every target program needs: it says on stdout that it is ready, as one JSON line, and then waits
// without allocating until its time is over or its stdin closes.
//
// Nothing here allocates on the Go heap after start-up, so that a heap that was measured stays as it was measured.
package ready

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// Line is a JSON object that is written into a fixed buffer.
type Line struct {
	buf [1 << 16]byte
	n   int
}

// Start begins a new object.
func (l *Line) Start() { l.n = 0; l.put("{") }

func (l *Line) put(s string) { l.n += copy(l.buf[l.n:], s) }

// Raw appends JSON text as it is.
func (l *Line) Raw(s string) { l.put(s) }

// Key appends a key, after a comma where one is needed. Names must need no escape.
func (l *Line) Key(name string) {
	if c := l.buf[l.n-1]; c != '{' && c != '[' {
		l.put(",")
	}
	l.put(`"`)
	l.put(name)
	l.put(`":`)
}

// Int appends a number.
func (l *Line) Int(v uint64) { l.n = len(strconv.AppendUint(l.buf[:l.n], v, 10)) }

// KeyInt appends a key with a number.
func (l *Line) KeyInt(name string, v uint64) { l.Key(name); l.Int(v) }

// Send closes the object and writes the line with one system call.
func (l *Line) Send() {
	l.put("}\n")
	syscall.Write(1, l.buf[:l.n])
}

var (
	line  Line
	stats runtime.MemStats
)

// Settle collects all garbage, turns the collector off and returns when two looks at the heap are the same: the
// finalizer and cleanup goroutines, which run after a collection, may still allocate.
func Settle() {
	debug.SetGCPercent(-1)
	// Longer than the runtime's own deferred work takes; the loop below is what decides.
	for i, same := 0, 0; i < 200 && same < 3; i++ {
		runtime.GC()
		before := look()
		time.Sleep(10 * time.Millisecond)
		if look() == before {
			same++
		} else {
			same = 0
		}
	}
}

func look() [3]uint64 {
	runtime.ReadMemStats(&stats)
	return [3]uint64{stats.Mallocs, stats.Frees, stats.HeapAlloc}
}

// Report prints the line {"ready":true, ...} with the state of the heap; extra may append more keys.
// With sizes also how many objects of each size class were allocated and freed, as [size, mallocs, frees].
func Report(sizes bool, extra func(*Line)) {
	runtime.ReadMemStats(&stats)
	line.Start()
	line.Raw(`"ready":true`)
	line.KeyInt("pid", uint64(syscall.Getpid()))
	line.Key("go")
	line.Raw(`"`)
	line.Raw(runtime.Version())
	line.Raw(`"`)
	line.KeyInt("heap_objects", stats.HeapObjects)
	line.KeyInt("heap_alloc", stats.HeapAlloc)
	line.KeyInt("heap_inuse", stats.HeapInuse)
	line.KeyInt("heap_idle", stats.HeapIdle)
	line.KeyInt("heap_released", stats.HeapReleased)
	line.KeyInt("heap_sys", stats.HeapSys)
	line.KeyInt("stack_inuse", stats.StackInuse)
	line.KeyInt("num_gc", uint64(stats.NumGC))
	line.KeyInt("goroutines", uint64(runtime.NumGoroutine()))
	if sizes {
		line.KeyInt("mallocs", stats.Mallocs)
		line.KeyInt("frees", stats.Frees)
		line.Key("by_size")
		line.Raw("[")
		for i := 1; i < len(stats.BySize); i++ {
			b := &stats.BySize[i]
			if i > 1 {
				line.Raw(",")
			}
			line.Raw("[")
			line.Int(uint64(b.Size))
			line.Raw(",")
			line.Int(b.Mallocs)
			line.Raw(",")
			line.Int(b.Frees)
			line.Raw("]")
		}
		line.Raw("]")
	}
	if extra != nil {
		extra(&line)
	}
	line.Send()
}

var deadline int64

// Begin is the first call of main. It lets any process of the same user trace this one: where Yama restricts ptrace to
// ancestors, a gosnap that a test starts is only a sibling. An error means that there is no Yama.
func Begin(seconds int) {
	const prSetPtracer = 0x59616d61
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetPtracer, ^uintptr(0), 0)
	deadline = now() + int64(seconds)*1000
}

func now() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Sec*1000 + ts.Nsec/1e6
}

type pollFd struct {
	fd      int32
	events  int16
	revents int16
}

var (
	poll = [1]pollFd{{fd: 0, events: 1}}
	in   [256]byte
)

// Wait blocks in poll(2) on stdin until the time given to Begin is over or stdin is closed, then ends the program.
// It calls command once for every line's first byte that it reads. It does not allocate: no timer, no channel.
func Wait(command func(byte)) {
	for {
		left := deadline - now()
		if left <= 0 {
			os.Exit(0)
		}
		_, _, e := syscall.Syscall(syscall.SYS_POLL, uintptr(unsafe.Pointer(&poll[0])), 1, uintptr(left))
		if e == syscall.EINTR || poll[0].revents == 0 {
			continue
		}
		n, err := syscall.Read(0, in[:])
		if err == syscall.EINTR || err == syscall.EAGAIN {
			continue
		}
		if n <= 0 {
			os.Exit(0)
		}
		for i, c := range in[:n] {
			if command != nil && (i == 0 || in[i-1] == '\n') && c != '\n' {
				command(c)
			}
		}
	}
}
