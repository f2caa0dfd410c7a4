package main

import "sync"

// Locks, WaitGroups, Conds and Onces. A lone Mutex or Once is smaller than 16 bytes and shares its block with other
// small objects, so here they are in something larger; tiny-neighbour is about that.
func init() {
	leak("mutex-not-unlocked", 2, "sync.Mutex.Lock*2",
		"the holder of a mutex ended without unlocking it", leakMutex)
	leak("mutex-double-lock", 1, "sync.Mutex.Lock",
		"a method locks, and calls another that locks too", leakDoubleLock)
	leak("lock-order", 2, "sync.Mutex.Lock*2",
		"two goroutines take two locks in opposite order", leakLockOrder)
	leak("lock-order-ring", 5, "sync.Mutex.Lock*5", "five philosophers, each with a fork", leakLockRing)
	leak("rwmutex-reader-writer", 2, "sync.RWMutex.RLock, sync.RWMutex.Lock",
		"a reader locks for reading again while a writer waits", leakReaderWriter)
	leak("rwmutex-upgrade", 1, "sync.RWMutex.Lock", "a reader asks for the write lock", leakUpgrade)
	leak("rwmutex-downgrade", 1, "sync.RWMutex.RLock", "a writer asks for a read lock", leakDowngrade)
	leak("rwmutex-not-unlocked", 4, "sync.RWMutex.RLock*3, sync.Mutex.Lock",
		"the writer ended without unlocking; three readers and a writer wait", leakRWMutex)
	leak("rwmutex-not-runlocked", 3, "sync.RWMutex.Lock, sync.RWMutex.RLock*2",
		"a reader ended without unlocking; a writer waits for it and two readers for the writer", leakRUnlock)
	leak("waitgroup-no-done", 1, "sync.WaitGroup.Wait", "a worker leaves without Done", leakNoDone)
	leak("waitgroup-own-wait", 3, "sync.WaitGroup.Wait*3",
		"workers wait for their own group before their Done", leakOwnWait)
	leak("waitgroup-full-channel", 4, "sync.WaitGroup.Wait, chan send*3",
		"the results are to be read after Wait, the workers cannot send them", leakWaitThenRead)
	leak("waitgroup-tree", 4, "sync.WaitGroup.Wait, chan receive*3",
		"the workers of a group are leaked themselves", leakTree)
	leak("cond-no-signal", 3, "sync.Cond.Wait*3", "three wait on a Cond that nobody signals", leakCond)
	leak("cond-missed-signal", 1, "sync.Cond.Wait", "the signal comes before the wait", leakMissedSignal)
	leak("cond-signal-one", 2, "sync.Cond.Wait*2",
		"Signal in place of Broadcast: one of three wakes up", leakSignalOne)
	leak("cond-rwmutex", 1, "sync.Cond.Wait", "a Cond on the read side of an RWMutex", leakCondRW)
	leak("once-recursive", 1, "sync.Mutex.Lock", "the function of a Once calls Do of it", leakOnce)
	leak("once-crossed", 2, "sync.Mutex.Lock*2",
		"the functions of two Onces call each other", leakOnceCrossed)
	leak("once-value", 2, "chan receive, sync.Mutex.Lock",
		"OnceValue computes for ever, and another asks too", leakOnceValue)
	leak("mutex-and-channel", 2, "chan send, sync.Mutex.Lock",
		"a sender holds the lock that the receiver wants before it receives", leakMutexChannel)
	leak("held-by-leaked", 4, "chan receive, sync.Mutex.Lock*3",
		"a leaked goroutine holds a mutex that three others want", leakHeldByLeaked)
	leak("locker", 1, "sync.Mutex.Lock", "a mutex behind the interface sync.Locker", leakLocker)
}

type counter struct {
	sync.Mutex
	counts map[string]int
}

func newCounter() *counter { return &counter{counts: map[string]int{}} }

func (c *counter) add(name string) int {
	c.Lock()
	defer c.Unlock()
	c.counts[name]++
	return c.total()
}

func (c *counter) total() int {
	c.Lock()
	defer c.Unlock()
	return len(c.counts)
}

// together runs the functions and returns when all have ended.
func together(fs ...func()) {
	var all sync.WaitGroup
	for _, f := range fs {
		all.Add(1)
		go func(f func()) {
			defer all.Done()
			f()
		}(f)
	}
	all.Wait()
}

func leakMutex() {
	c := newCounter()
	together(func() { c.Lock() })
	for i := 0; i < 2; i++ {
		go c.total()
	}
}

func leakDoubleLock() {
	c := newCounter()
	go c.add("a")
}

func leakLockOrder() {
	a, b := newCounter(), newCounter()
	var both sync.WaitGroup
	both.Add(2)
	take := func(first, second *counter) {
		first.Lock()
		defer first.Unlock()
		both.Done()
		both.Wait()
		second.Lock()
		defer second.Unlock()
	}
	go take(a, b)
	go take(b, a)
	both.Wait()
}

func leakLockRing() {
	forks := make([]*counter, 5)
	for i := range forks {
		forks[i] = newCounter()
	}
	var seated sync.WaitGroup
	seated.Add(len(forks))
	for i := range forks {
		go func(left, right *counter) {
			left.Lock()
			seated.Done()
			seated.Wait()
			right.Lock()
			right.Unlock()
			left.Unlock()
		}(forks[i], forks[(i+1)%len(forks)])
	}
}

type store struct {
	sync.RWMutex
	values map[string]string
}

func (s *store) get(key string) string {
	s.RLock()
	defer s.RUnlock()
	return s.values[key]
}

func (s *store) set(key, value string) {
	s.Lock()
	defer s.Unlock()
	s.values[key] = value
}

// awaitWriter returns when a writer waits or holds the lock. The lock is held for reading.
func (s *store) awaitWriter() {
	for s.TryRLock() {
		s.RUnlock()
		pause()
	}
}

func leakReaderWriter() {
	s := &store{values: map[string]string{}}
	reading := make(chan struct{})
	go func() {
		s.RLock()
		defer s.RUnlock()
		close(reading)
		s.awaitWriter()
		s.get("a")
	}()
	<-reading
	go s.set("a", "b")
}

func leakUpgrade() {
	s := &store{values: map[string]string{}}
	go func() {
		s.RLock()
		defer s.RUnlock()
		if s.values["a"] == "" {
			s.set("a", "b")
		}
	}()
}

func leakDowngrade() {
	s := &store{values: map[string]string{}}
	go func() {
		s.Lock()
		defer s.Unlock()
		s.values["a"] = s.get("b")
	}()
}

func leakRWMutex() {
	s := &store{values: map[string]string{}}
	together(func() { s.Lock() })
	for i := 0; i < 3; i++ {
		go s.get("a")
	}
	go s.set("a", "b")
}

func leakRUnlock() {
	s := &store{values: map[string]string{}}
	together(func() { s.RLock() })
	go s.set("a", "b")
	s.awaitWriter()
	for i := 0; i < 2; i++ {
		go s.get("a")
	}
}

func leakNoDone() {
	var workers sync.WaitGroup
	workers.Add(3)
	for i := 0; i < 3; i++ {
		go func(i int) {
			if i == 1 {
				return
			}
			workers.Done()
		}(i)
	}
	go workers.Wait()
}

func leakOwnWait() {
	var workers sync.WaitGroup
	workers.Add(3)
	for i := 0; i < 3; i++ {
		go func() {
			defer workers.Done()
			workers.Wait()
		}()
	}
}

func leakWaitThenRead() {
	results := make(chan int)
	var workers sync.WaitGroup
	for i := 0; i < 3; i++ {
		workers.Add(1)
		go func(i int) {
			defer workers.Done()
			results <- i
		}(i)
	}
	go func() {
		workers.Wait()
		close(results)
		for range results {
		}
	}()
}

func leakTree() {
	go func() {
		var children sync.WaitGroup
		for i := 0; i < 3; i++ {
			children.Add(1)
			go func() {
				defer children.Done()
				<-make(chan int)
			}()
		}
		children.Wait()
	}()
}

type queue struct {
	lock  sync.Mutex
	some  *sync.Cond
	items []int
}

func newQueue() *queue {
	q := new(queue)
	q.some = sync.NewCond(&q.lock)
	return q
}

func (q *queue) take() int {
	q.lock.Lock()
	defer q.lock.Unlock()
	for len(q.items) == 0 {
		q.some.Wait()
	}
	item := q.items[0]
	q.items = q.items[1:]
	return item
}

func leakCond() {
	q := newQueue()
	for i := 0; i < 3; i++ {
		go q.take()
	}
}

func leakMissedSignal() {
	q := newQueue()
	q.some.Signal()
	go func() {
		q.lock.Lock()
		defer q.lock.Unlock()
		q.some.Wait()
	}()
}

func leakSignalOne() {
	q := newQueue()
	waiting := 0
	for i := 0; i < 3; i++ {
		go func() {
			q.lock.Lock()
			defer q.lock.Unlock()
			waiting++
			q.some.Wait()
		}()
	}
	for {
		// Who counted has the lock until it is in Wait, so with the lock three are in the Cond's queue.
		q.lock.Lock()
		n := waiting
		q.lock.Unlock()
		if n == 3 {
			break
		}
		pause()
	}
	q.some.Signal()
}

func leakCondRW() {
	s := &store{values: map[string]string{}}
	changed := sync.NewCond(s.RLocker())
	go func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		for s.values["a"] == "" {
			changed.Wait()
		}
	}()
}

type lazy struct {
	sync.Once
	value func() int
}

func leakOnce() {
	l := new(lazy)
	var load func()
	load = func() { l.Do(load) }
	go load()
}

func leakOnceCrossed() {
	a, b := new(lazy), new(lazy)
	var both sync.WaitGroup
	both.Add(2)
	cross := func(mine, other *lazy) {
		mine.Do(func() {
			both.Done()
			both.Wait()
			other.Do(func() {})
		})
	}
	go cross(a, b)
	go cross(b, a)
}

func leakOnceValue() {
	begun, dead := make(chan struct{}), make(chan int)
	value := sync.OnceValue(func() int {
		close(begun)
		return <-dead
	})
	go value()
	<-begun
	go value()
}

func leakMutexChannel() {
	c, out, locked := newCounter(), make(chan int), make(chan struct{})
	go func() {
		c.Lock()
		defer c.Unlock()
		close(locked)
		out <- 1
	}()
	go func() {
		<-locked
		c.total()
		<-out
	}()
}

func leakHeldByLeaked() {
	c, locked := newCounter(), make(chan struct{})
	go func() {
		c.Lock()
		defer c.Unlock()
		close(locked)
		<-make(chan int)
	}()
	<-locked
	for i := 0; i < 3; i++ {
		go c.total()
	}
}

func leakLocker() {
	var l sync.Locker = newCounter()
	l.Lock()
	go func() {
		l.Lock()
		defer l.Unlock()
	}()
}
