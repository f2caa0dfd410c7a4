package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// hour is longer than any case is looked at.
const hour = time.Hour

// hold is what a goroutine does that has these and will run again.
//
//go:noinline
func hold(these ...any) {
	time.Sleep(hour)
	use(these...)
}

//go:noinline
func use(these ...any) { runtime.KeepAlive(these) }

func pause() { time.Sleep(time.Millisecond) }

// Nothing of these is leaked, even where nobody will come for hours.
func init() {
	healthy("live-pool-global", "chan receive*3", "idle workers on a global queue", livePoolGlobal)
	healthy("live-pool-stack", "chan receive*3, sleep",
		"idle workers on a queue that a sleeping goroutine has", livePoolStack)
	healthy("live-http", "IO wait*3, select",
		"an HTTP server and a client with an idle connection between them", liveHTTP)
	healthy("live-ticker", "chan receive*2", "loops over tickers", liveTicker)
	healthy("live-sleep", "sleep*2", "sleeping goroutines", liveSleep)
	healthy("live-time-after", "select, chan receive",
		"time.After, alone and in a select with a dead channel", liveTimeAfter)
	healthy("live-timer", "chan receive", "a timer that only its goroutine knows", liveTimer)
	healthy("live-after-func", "chan receive, sync.WaitGroup.Wait",
		"what time.AfterFunc is going to close and to do", liveAfterFunc)
	healthy("live-context-stack", "select, sleep",
		"a sleeping goroutine is going to call cancel", liveContextStack)
	healthy("live-context-global", "chan receive", "cancel is in a global", liveContextGlobal)
	healthy("live-context-timeout", "chan receive*2",
		"a context with a timeout, and its child", liveContextTimeout)
	healthy("live-context-after-func", "chan receive",
		"context.AfterFunc of a context with a deadline", liveContextAfterFunc)
	healthy("live-group", "sleep*3, sync.WaitGroup.Wait, chan receive",
		"a group waits for sleeping workers", liveGroup)
	healthy("live-signal", "chan receive, syscall", "a signal handler", liveSignal)
	healthy("live-finalizer", "chan receive",
		"the finalizer of an object that a global holds has the channel", liveFinalizer)
	healthy("live-cond-global", "sync.Cond.Wait*3", "a queue with a Cond in a global", liveCondGlobal)
	healthy("live-cond-stack", "sync.Cond.Wait*2, sleep",
		"a sleeping goroutine is going to signal", liveCondStack)
	healthy("live-mutex", "sync.Mutex.Lock*3, sleep", "a sleeping goroutine holds the lock", liveMutex)
	healthy("live-rwmutex-writer", "sync.RWMutex.RLock*3, sync.Mutex.Lock, sleep",
		"readers and a writer wait for a sleeping writer", liveWriter)
	healthy("live-rwmutex-reader", "sync.RWMutex.Lock, sync.RWMutex.RLock*2, sleep",
		"a writer waits for a sleeping reader, and readers for the writer", liveReader)
	healthy("live-waitgroup", "sync.WaitGroup.Wait*2, sleep", "the group's worker sleeps", liveWaitGroup)
	healthy("live-io-pipe", "select, sleep", "an io.Pipe whose other end is in use", liveIOPipe)
	healthy("live-conn", "IO wait*2, chan receive*2",
		"reads from a connection; what the readers hold is live", liveConn)
	healthy("live-conn-queue", "IO wait*2, semacquire, chan receive",
		"two read from one connection, the second is queued", liveConnQueue)
	healthy("live-accept", "IO wait, chan receive",
		"Accept on a listener, and who waits for what it accepts", liveAccept)
	healthy("live-syscall", "syscall, chan receive", "a read(2) that blocks its thread", liveSyscall)
	healthy("live-locked-thread", "sleep, chan receive",
		"a goroutine with a thread of its own has the channel", liveLockedThread)
	healthy("live-once", "sleep, sync.Mutex.Lock*2", "the function of a Once sleeps", liveOnce)
	healthy("live-busy", "busy, chan receive",
		"the channel is only on the stack of a goroutine that computes", liveBusy)
	healthy("live-closure", "sleep, chan receive",
		"the channel is only in a live goroutine's closure", liveClosure)
	healthy("live-interface", "sleep, chan receive, chan send",
		"the channel is only in an interface's value", liveInterface)
	healthy("live-map", "sleep, chan receive*6", "channels as keys and values of maps", liveMap)
	healthy("live-list", "sleep, chan receive*50", "channels in a linked list", liveList)
	healthy("live-generics", "sleep, chan receive*2", "instances of a generic type", liveGenerics)
	healthy("live-sync-map", "chan receive", "a future in a global sync.Map", liveSyncMap)
	healthy("live-atomic", "chan receive*2",
		"channels behind an atomic.Pointer and an atomic.Value", liveAtomic)
	healthy("live-chain", "sleep, chan receive*10",
		"ten goroutines wait for each other, the first for one that sleeps", liveChain)
	healthy("live-chain-mixed", "sleep, chan receive, select, sync.Mutex.Lock, sync.WaitGroup.Wait, sync.Cond.Wait",
		"a chain over every kind of wait, whose first goroutine sleeps", liveChainMixed)
	healthy("live-ring", "sleep, chan receive*5",
		"a ring of goroutines that one outside is going to start", liveRing)
	healthy("live-select", "sleep, select", "one of twenty channels of a select is live", liveSelect)
	healthy("live-select-reflect", "sleep, select",
		"one of twenty channels of a reflect.Select is live", liveSelectReflect)
	healthy("live-deferred", "sleep*2, chan receive*4",
		"the channels are only in deferred calls", liveDeferred)
	healthy("live-panicking", "sleep, chan receive",
		"a deferred function sleeps while a panic is on its way", livePanicking)
	healthy("live-buffered-reply", "chan receive",
		"the channel is in the buffer of a global channel", liveBufferedReply)
	healthy("live-sender-reply", "chan receive, chan send",
		"the channel is what a blocked sender sends", liveSenderReply)
	healthy("live-buffer-chain", "sleep, chan receive",
		"a channel in the buffer of a channel in the buffer of one", liveBufferChain)
	healthy("live-method-value", "chan receive",
		"the channel is in the receiver of a method value, in a timer", liveMethodValue)
	healthy("live-many", "sleep, chan receive*1000", "a thousand wait on one live channel", liveMany)
	healthy("live-global-unused", "chan receive, sync.Mutex.Lock",
		"globals that nobody uses again: what is reachable counts, not what is used", liveGlobalUnused)
}

var (
	jobs     = make(chan func())
	cancels  []context.CancelFunc
	guarded  *future[int]
	tasks    = newQueue()
	memo     sync.Map
	latest   atomic.Pointer[future[int]]
	anything atomic.Value
	inbox    = make(chan request, 4)
	outbox   = make(chan request)
	idle     = make(chan int)
	shut     sync.Mutex
)

func work(queue chan func()) {
	for f := range queue {
		f()
	}
}

func livePoolGlobal() {
	for i := 0; i < 3; i++ {
		go work(jobs)
	}
	jobs <- func() {}
}

func livePoolStack() {
	queue := make(chan func())
	for i := 0; i < 3; i++ {
		go work(queue)
	}
	go hold(queue)
}

func must[T any](v T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return v
}

func liveHTTP() {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello")
	})}
	go server.Serve(listener)
	client := &http.Client{Transport: &http.Transport{}}
	answer := must(client.Get("http://" + listener.Addr().String()))
	must(io.Copy(io.Discard, answer.Body))
	answer.Body.Close()
}

func liveTicker() {
	for i := 0; i < 2; i++ {
		go func() {
			t := time.NewTicker(hour)
			defer t.Stop()
			for range t.C {
			}
		}()
	}
}

func liveSleep() {
	for i := 0; i < 2; i++ {
		go time.Sleep(hour)
	}
}

func liveTimeAfter() {
	go func() { <-time.After(hour) }()
	go func() {
		select {
		case <-time.After(hour):
		case <-make(chan int):
		}
	}()
}

func liveTimer() {
	t := time.NewTimer(2 * hour)
	t.Reset(hour)
	go func() { <-t.C }()
}

func liveAfterFunc() {
	c := make(chan int)
	time.AfterFunc(hour, func() { close(c) })
	go func() { <-c }()
	group := new(sync.WaitGroup)
	group.Add(1)
	time.AfterFunc(hour, group.Done)
	go group.Wait()
}

func liveContextStack() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-ctx.Done():
		case <-make(chan int):
		}
	}()
	go func() {
		defer cancel()
		hold()
	}()
}

func liveContextGlobal() {
	ctx, cancel := context.WithCancel(context.Background())
	cancels = append(cancels, cancel)
	child, _ := context.WithCancel(ctx)
	go func() { <-child.Done() }()
}

func liveContextTimeout() {
	ctx, _ := context.WithTimeout(context.Background(), hour)
	child, _ := context.WithCancel(ctx)
	go func() { <-ctx.Done() }()
	go func() { <-child.Done() }()
}

func liveContextAfterFunc() {
	ctx, _ := context.WithDeadline(context.Background(), time.Now().Add(hour))
	c := make(chan int)
	context.AfterFunc(ctx, func() { close(c) })
	go func() { <-c }()
}

func liveGroup() {
	failed := make(chan error, 1)
	var workers sync.WaitGroup
	for i := 0; i < 3; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			hold()
		}()
	}
	go func() {
		workers.Wait()
		close(failed)
	}()
	go func() { <-failed }()
}

func liveSignal() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	go func() { <-c }()
}

func liveFinalizer() {
	c := make(chan int)
	guarded = newFuture[int]()
	runtime.SetFinalizer(guarded, func(*future[int]) { close(c) })
	go func() { <-c }()
}

func liveCondGlobal() {
	for i := 0; i < 3; i++ {
		go tasks.take()
	}
}

func liveCondStack() {
	q := newQueue()
	for i := 0; i < 2; i++ {
		go q.take()
	}
	go func() {
		hold()
		q.some.Broadcast()
	}()
}

func liveMutex() {
	c := newCounter()
	c.Lock()
	go func() {
		defer c.Unlock()
		hold()
	}()
	for i := 0; i < 3; i++ {
		go c.total()
	}
}

func liveWriter() {
	s := &store{values: map[string]string{}}
	s.Lock()
	go func() {
		defer s.Unlock()
		hold()
	}()
	for i := 0; i < 3; i++ {
		go s.get("a")
	}
	go s.set("a", "b")
}

func liveReader() {
	s := &store{values: map[string]string{}}
	s.RLock()
	go func() {
		defer s.RUnlock()
		hold()
	}()
	go s.set("a", "b")
	s.awaitWriter()
	for i := 0; i < 2; i++ {
		go s.get("a")
	}
}

func liveWaitGroup() {
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		defer group.Done()
		hold()
	}()
	for i := 0; i < 2; i++ {
		go group.Wait()
	}
}

func liveIOPipe() {
	r, w := io.Pipe()
	go func() { _, _ = io.ReadAll(r) }()
	go func() {
		hold()
		w.Close()
	}()
}

func connect() (net.Conn, net.Conn) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	client := must(net.Dial("tcp", listener.Addr().String()))
	return client, must(listener.Accept())
}

func liveConn() {
	a, b := connect()
	for _, conn := range []net.Conn{a, b} {
		lines := make(chan byte)
		go func(conn net.Conn) {
			var buf [1]byte
			_, _ = conn.Read(buf[:])
			lines <- buf[0]
		}(conn)
		go func() { <-lines }()
	}
}

func liveConnQueue() {
	a, b := connect()
	go func() { _, _ = b.Read(make([]byte, 1)) }()
	lines := make(chan byte, 2)
	for i := 0; i < 2; i++ {
		go func() {
			var buf [1]byte
			_, _ = a.Read(buf[:])
			lines <- buf[0]
		}()
	}
	go func() { <-lines }()
}

func liveAccept() {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	conns := make(chan net.Conn)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	go func() { <-conns }()
}

func liveSyscall() {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		fail("pipe: %v", err)
	}
	c := make(chan int)
	go func() {
		var buf [1]byte
		_, _ = syscall.Read(ends[0], buf[:])
		c <- 1
	}()
	go func() { <-c }()
}

func liveLockedThread() {
	c := make(chan int)
	go func() {
		runtime.LockOSThread()
		hold(c)
	}()
	go func() { <-c }()
}

func liveOnce() {
	l, begun := new(lazy), make(chan struct{})
	go l.Do(func() {
		close(begun)
		hold()
	})
	<-begun
	for i := 0; i < 2; i++ {
		go l.Do(func() {})
	}
}

var rounds atomic.Uint64

//go:noinline
func compute(c chan int) {
	x := uint64(1)
	for ; x != 0; x = x*6364136223846793005 | 1 {
		rounds.Add(1)
	}
	c <- int(x)
}

func liveBusy() {
	c := make(chan int)
	go compute(c)
	go func() { <-c }()
}

func liveClosure() {
	c := make(chan int)
	send := func() { c <- 1 }
	twice := func() { send(); send() }
	go func() {
		hold()
		twice()
	}()
	go func() { <-c }()
}

func liveInterface() {
	r, s := make(receives), sends{make(chan string)}
	go r.wait()
	go s.wait()
	go hold([]waiter{r, s})
}

func liveMap() {
	values, keys := map[string]chan int{}, map[chan int]string{}
	for _, name := range []string{"a", "b", "c"} {
		v, k := make(chan int), make(chan int)
		values[name], keys[k] = v, name
		go func() { <-v }()
		go func() { <-k }()
	}
	go hold(values, keys)
}

type link struct {
	c    chan int
	next *link
}

func liveList() {
	var head *link
	for i := 0; i < 50; i++ {
		head = &link{make(chan int), head}
		go func(c chan int) { <-c }(head.c)
	}
	go hold(head)
}

func liveGenerics() {
	a, b := newFuture[int](), newFuture[map[string]*actor]()
	go func() { a.get() }()
	go func() { b.get() }()
	go func() {
		hold()
		a.set(1)
		b.set(nil)
	}()
}

func liveSyncMap() {
	f, _ := memo.LoadOrStore("key", newFuture[string]())
	go func() { f.(*future[string]).get() }()
}

func liveAtomic() {
	f, c := newFuture[int](), make(chan int)
	latest.Store(f)
	anything.Store(c)
	go func() { f.get() }()
	go func() { <-c }()
}

func liveChain() {
	c := make(chan int)
	go func(c chan int) {
		hold()
		c <- 1
	}(c)
	for i := 0; i < 10; i++ {
		next := make(chan int, 1)
		go func(in, out chan int) {
			out <- <-in
		}(c, next)
		c = next
	}
}

func liveChainMixed() {
	a, b, c, q := make(chan int), make(chan int), newCounter(), newQueue()
	var group sync.WaitGroup
	group.Add(1)
	locked := make(chan struct{})
	go func() {
		hold()
		close(a)
	}()
	go func() {
		<-a
		close(b)
	}()
	go func() {
		c.Lock()
		defer c.Unlock()
		close(locked)
		select {
		case <-make(chan int):
		case <-b:
		}
	}()
	go func() {
		<-locked
		c.Lock()
		defer c.Unlock()
		group.Done()
	}()
	go func() {
		group.Wait()
		q.some.Broadcast()
	}()
	go q.take()
}

func liveRing() {
	var seats [5]chan int
	for i := range seats {
		seats[i] = make(chan int)
	}
	for i := range seats {
		go func(left, right chan int) {
			for v := range left {
				right <- v
			}
		}(seats[i], seats[(i+1)%len(seats)])
	}
	go func(c chan int) {
		hold()
		c <- 1
	}(seats[3])
}

func liveSelect() {
	live := make(chan int)
	var dead [4]chan int
	for i := range dead {
		dead[i] = make(chan int)
	}
	go func() {
		select {
		case <-dead[0]:
		case <-dead[1]:
		case live <- 1:
		case dead[2] <- 1:
		case <-dead[3]:
		}
	}()
	go hold(live)
}

func liveSelectReflect() {
	live := make(chan int)
	go func() {
		branches := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(live)}}
		for i := 0; i < 19; i++ {
			c := reflect.ValueOf(make(chan int))
			branches = append(branches, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: c})
		}
		reflect.Select(branches)
	}()
	go hold(live)
}

func liveDeferred() {
	one := make(chan int)
	several := []chan int{make(chan int), make(chan int), make(chan int)}
	go func() {
		defer close(one)
		hold()
	}()
	go func(several []chan int) {
		for _, c := range several {
			defer close(c)
		}
		several = nil
		hold()
	}(several)
	for _, c := range append(several, one) {
		go func(c chan int) { <-c }(c)
	}
}

func livePanicking() {
	c := make(chan int)
	go func() {
		defer func() {
			hold()
			_ = recover()
			close(c)
		}()
		panic("on its way")
	}()
	go func() { <-c }()
}

func liveBufferedReply() {
	r := request{"name", make(chan string)}
	inbox <- r
	go func() { <-r.reply }()
}

func liveSenderReply() {
	r := request{"name", make(chan string)}
	go func() { outbox <- r }()
	go func() { <-r.reply }()
}

func liveBufferChain() {
	inner, middle, outer := make(chan int), make(chan chan int, 2), make(chan chan chan int, 2)
	middle <- inner
	outer <- middle
	go hold(outer)
	go func() { <-inner }()
}

func liveMethodValue() {
	s := newFuture[int]()
	time.AfterFunc(hour, (&setter{s}).fire)
	go func() { s.get() }()
}

type setter struct{ f *future[int] }

func (s *setter) fire() { s.f.set(1) }

func liveMany() {
	c := make(chan int)
	for i := 0; i < 1000; i++ {
		go func() { <-c }()
	}
	go hold(c)
}

func liveGlobalUnused() {
	go func() { <-idle }()
	shut.Lock()
	go func() { shut.Lock() }()
}
