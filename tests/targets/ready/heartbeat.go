package ready

import (
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// The heartbeat file: little-endian 8-byte words.
//
//	0 beats so far   1 last beat   2 longest gap   3 when that gap ended   4 interval   5 write 1 here to reset word 2
//
// Times are nanoseconds of CLOCK_MONOTONIC, which is the same clock in every process.
const (
	beatCount = iota
	beatLast
	beatLongest
	beatLongestAt
	beatInterval
	beatReset
	beatWords
)

// Heartbeat beats every few milliseconds into a file that another process can map or read. A thread of its own sleeps in
// the kernel and needs no timer of Go's, so that a gap means a stopped process rather than a busy scheduler.
func Heartbeat(path string, every time.Duration) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		return err
	}
	page, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	words := (*[beatWords]int64)(unsafe.Pointer(&page[0]))
	words[beatInterval] = int64(every)
	go func() {
		runtime.LockOSThread()
		pause := syscall.Timespec{Sec: int64(every / time.Second), Nsec: int64(every % time.Second)}
		last := nanos()
		for {
			syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
			t := nanos()
			if atomic.CompareAndSwapInt64(&words[beatReset], 1, 0) {
				atomic.StoreInt64(&words[beatLongest], 0)
			}
			if gap := t - last; gap > atomic.LoadInt64(&words[beatLongest]) {
				atomic.StoreInt64(&words[beatLongest], gap)
				atomic.StoreInt64(&words[beatLongestAt], t)
			}
			atomic.StoreInt64(&words[beatLast], t)
			atomic.AddInt64(&words[beatCount], 1)
			last = t
		}
	}()
	return nil
}

func nanos() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
