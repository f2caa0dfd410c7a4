# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Stopping the threads of another process, scanning its pages and copying them.

Everything here releases the GIL. Waits are bounded: a thread that does not answer is an error, never a hang.
"""

from libc.errno cimport EAGAIN, EFAULT, EINTR, EIO, ENOMEM, ESRCH, ETIMEDOUT, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport atoi, free, realloc
from libc.string cimport memset

cdef extern from "<dirent.h>" nogil:
    ctypedef struct DIR:
        pass
    struct dirent:
        char d_name[256]
    DIR *opendir(const char *)
    dirent *readdir(DIR *)
    int closedir(DIR *)

cdef extern from "<sys/types.h>" nogil:
    ctypedef int pid_t
    ctypedef long off_t

cdef extern from "<sys/wait.h>" nogil:
    pid_t waitpid(pid_t, int *, int)

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t process_vm_readv(pid_t, const iovec *, unsigned long, const iovec *, unsigned long, unsigned long)

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void *, size_t, int)

cdef extern from "<sys/ioctl.h>" nogil:
    int ioctl(int, unsigned long, ...)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int, void *, size_t, off_t)
    ssize_t read(int, void *, size_t)
    int close(int)

cdef extern from "<fcntl.h>" nogil:
    int open(const char *, int, ...)

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int, timespec *)
    int nanosleep(const timespec *, timespec *)

cdef extern from "<sys/ptrace.h>" nogil:
    long ptrace(int, ...)

cdef enum:
    PAGE = 4096
    WNOHANG = 1
    WALL = 0x40000000
    # <linux/ptrace.h>
    PTRACE_DETACH = 17
    PTRACE_SYSCALL = 24
    PTRACE_SETOPTIONS = 0x4200
    PTRACE_GETEVENTMSG = 0x4201
    PTRACE_GETREGSET = 0x4204
    PTRACE_SETREGSET = 0x4205
    PTRACE_SEIZE = 0x4206
    PTRACE_INTERRUPT = 0x4207
    PTRACE_O_TRACESYSGOOD = 1
    PTRACE_O_TRACECLONE = 8
    PTRACE_O_EXITKILL = 0x100000
    PTRACE_EVENT_CLONE = 3
    PTRACE_EVENT_STOP = 128
    NT_PRSTATUS = 1
    NREGS = 27
    # rax in struct user_regs_struct of x86-64, in words (<sys/user.h>)
    R_RAX = 10
    MADV_HUGEPAGE = 14
    MADV_NOHUGEPAGE = 15
    MADV_POPULATE_WRITE = 23
    IOV = 512

cdef unsigned long PAGEMAP_SCAN = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg), <linux/fs.h> of Linux 6.7

cdef struct pm_scan_arg:
    uint64_t size
    uint64_t flags
    uint64_t start
    uint64_t end
    uint64_t walk_end
    uint64_t vec
    uint64_t vec_len
    uint64_t max_pages
    uint64_t category_inverted
    uint64_t category_mask
    uint64_t category_anyof_mask
    uint64_t return_mask

cdef enum State:
    RUNNING = 0  # seized and interrupted, has not reported its stop
    STOPPED = 1
    GONE = 2

cdef struct Thread:
    int tid
    int state
    int sig       # a signal that was about to be delivered: given back by the detach
    int group     # the stop signal of a group stop (SIGSTOP…): the thread stays stopped after the detach

cdef inline double now() noexcept nogil:
    cdef timespec t
    clock_gettime(1, &t)
    return t.tv_sec + t.tv_nsec * 1e-9


cdef inline void pause_us(long us) noexcept nogil:
    cdef timespec t
    t.tv_sec = 0
    t.tv_nsec = us * 1000
    nanosleep(&t, NULL)


cdef char thread_state(int pid, int tid) noexcept nogil:
    """The letter of State in /proc/PID/task/TID/stat, or 0."""
    cdef char path[64]
    cdef char text[512]
    cdef ssize_t n, i
    snprintf(path, 64, "/proc/%d/task/%d/stat", pid, tid)
    cdef int fd = open(path, 0)
    if fd < 0:
        return 0
    n = read(fd, text, 512)
    close(fd)
    i = n - 1
    while i > 0 and text[i] != c')':  # the command name may hold any byte; only the last ')' counts
        i -= 1
    if i <= 0 or i + 2 >= n:
        return 0
    return text[i + 2]


cdef class Tracer:
    """The threads of one process, stopped. One OS thread must make every call (ptrace demands it)."""

    cdef Thread *threads
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t capacity
    cdef readonly int pid
    cdef readonly int failed_tid
    cdef readonly double first_stop

    def __cinit__(self, int pid):
        self.pid = pid
        self.threads = NULL
        self.count = 0
        self.capacity = 0
        self.failed_tid = 0
        self.first_stop = 0.0

    def __dealloc__(self):
        free(self.threads)

    cdef Thread *find(self, int tid) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.threads[i].tid == tid:
                return &self.threads[i]
        return NULL

    cdef int seize(self, int tid) noexcept nogil:
        """Seizes and interrupts one thread; 1: done, 0: it was on its way out, else -errno."""
        cdef Thread *grown
        cdef int err
        cdef char state
        if self.count == self.capacity:
            grown = <Thread *> realloc(self.threads, (self.capacity * 2 + 64) * sizeof(Thread))
            if grown == NULL:
                return -ENOMEM
            self.threads = grown
            self.capacity = self.capacity * 2 + 64
        if self.first_stop == 0.0:
            self.first_stop = now()
        if ptrace(PTRACE_SEIZE, tid, <void *> 0, <void *> 0) != 0:
            err = errno
            state = thread_state(self.pid, tid)
            if state == 0 or state == c'Z' or state == c'X':
                return 0
            self.failed_tid = tid
            return -err
        self.threads[self.count].tid = tid
        self.threads[self.count].state = RUNNING
        self.threads[self.count].sig = 0
        self.threads[self.count].group = 0
        self.count += 1
        ptrace(PTRACE_INTERRUPT, tid, <void *> 0, <void *> 0)
        return 1

    cdef int poll(self, Thread *t) noexcept nogil:
        """Takes a stop report if there is one; 1 when the thread is settled."""
        cdef int status
        cdef int got
        if t.state != RUNNING:
            return 1
        got = waitpid(t.tid, &status, WALL | WNOHANG)
        if got == 0 or (got < 0 and errno == EINTR):
            return 0
        if got < 0 or (status & 0x7F) == 0 or (status & 0xFF) != 0x7F:
            t.state = GONE
            return 1
        t.state = STOPPED
        if (status >> 16) == PTRACE_EVENT_STOP:
            t.group = (status >> 8) & 0xFF
            if t.group == 5:  # SIGTRAP: the interrupt, not a group stop
                t.group = 0
        else:
            t.sig = (status >> 8) & 0xFF
        return 1

    cdef int settle(self, double deadline) noexcept nogil:
        """Waits until every seized thread has stopped or gone; 0, or -ETIMEDOUT with failed_tid set."""
        cdef Py_ssize_t i
        cdef int waiting
        cdef long pause = 10
        while True:
            waiting = 0
            for i in range(self.count):
                if not self.poll(&self.threads[i]):
                    waiting = self.threads[i].tid
            if waiting == 0:
                return 0
            if now() > deadline:
                self.failed_tid = waiting
                return -ETIMEDOUT
            pause_us(pause)
            if pause < 200:
                pause += pause // 2

    cdef int stop_all(self, double deadline) noexcept nogil:
        cdef char path[64]
        cdef DIR *task
        cdef dirent *entry
        cdef int found, got, tid
        snprintf(path, 64, "/proc/%d/task", self.pid)
        while True:
            found = 0
            task = opendir(path)
            if task == NULL:
                return -ESRCH
            while True:
                entry = readdir(task)
                if entry == NULL:
                    break
                tid = atoi(entry.d_name)
                if tid <= 0 or self.find(tid) != NULL:
                    continue
                got = self.seize(tid)
                if got < 0:
                    closedir(task)
                    return got
                found += got
            closedir(task)
            got = self.settle(deadline)
            if got < 0:
                return got
            if found == 0:
                break
        for got in range(<int> self.count):
            if self.threads[got].state == STOPPED:
                return 0
        return -ESRCH

    def stop(self, double timeout):
        cdef int got
        with nogil:
            got = self.stop_all(now() + timeout)
        if got < 0:
            raise OSError(-got, "ptrace")

    def stop_one(self, int tid, double timeout):
        cdef int got
        with nogil:
            got = self.seize(tid)
            if got == 1:
                got = self.settle(now() + timeout)
            elif got == 0:
                got = -ESRCH
        if got < 0:
            raise OSError(-got, "ptrace")

    def tids(self):
        return [self.threads[i].tid for i in range(self.count) if self.threads[i].state == STOPPED]

    def signals(self):
        return {
            self.threads[i].tid: (self.threads[i].sig, self.threads[i].group)
            for i in range(self.count)
            if self.threads[i].state == STOPPED
        }

    def registers(self, int tid, uint64_t[::1] out):
        """PTRACE_GETREGSET NT_PRSTATUS into ``out`` (27 words)."""
        cdef iovec io
        if out.shape[0] < NREGS:
            raise ValueError("27 words are needed")
        io.iov_base = &out[0]
        io.iov_len = NREGS * 8
        if ptrace(PTRACE_GETREGSET, tid, <void *> NT_PRSTATUS, <void *> &io) != 0:
            raise OSError(errno, "ptrace GETREGSET")

    def detach(self):
        """Lets every stopped thread go, with the signal that it was about to take. Never raises."""
        cdef Py_ssize_t i
        cdef Thread *t
        cdef int left = 0
        with nogil:
            for i in range(self.count):
                t = &self.threads[i]
                if t.state == RUNNING:
                    self.poll(t)
                if t.state == STOPPED:
                    ptrace(PTRACE_DETACH, t.tid, <void *> 0, <void *> <size_t> t.sig)
                    t.state = GONE
                elif t.state == RUNNING:
                    left += 1
            self.count = 0
        return left

    cdef int step(self, Thread *t, double deadline, int *status) noexcept nogil:
        """Runs one thread to its next stop on the way into or out of a system call."""
        cdef int got
        if ptrace(PTRACE_SYSCALL, t.tid, <void *> 0, <void *> 0) != 0:
            return -errno
        t.state = RUNNING
        while True:
            got = waitpid(t.tid, status, WALL | WNOHANG)
            if got == t.tid:
                break
            if got < 0 and errno != EINTR:
                t.state = GONE
                return -ESRCH
            if now() > deadline:
                return -ETIMEDOUT
            pause_us(10)
        if (status[0] & 0xFF) != 0x7F:
            t.state = GONE
            return -ESRCH
        t.state = STOPPED
        return 0

    cdef int run_syscall(self, Thread *t, uint64_t *saved, uint64_t *work, double deadline,
                         int64_t *result, int *child) noexcept nogil:
        """One injected system call; ``work`` holds the registers to run with, ``saved`` those to put back."""
        cdef iovec io
        cdef int status = 0
        cdef int got, entered = 0
        cdef unsigned long message = 0
        cdef uint64_t after[NREGS]
        child[0] = 0
        if ptrace(PTRACE_SETOPTIONS, t.tid, <void *> 0,
                  <void *> <size_t> (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)) != 0:
            return -errno
        io.iov_base = work
        io.iov_len = NREGS * 8
        if ptrace(PTRACE_SETREGSET, t.tid, <void *> NT_PRSTATUS, <void *> &io) != 0:
            return -errno
        while True:
            got = self.step(t, deadline, &status)
            if got < 0:
                return got
            if (status >> 8) == (5 | (PTRACE_EVENT_CLONE << 8)):
                if ptrace(PTRACE_GETEVENTMSG, t.tid, <void *> 0, <void *> &message) == 0:
                    child[0] = <int> message
                    # From here on the child dies with the tracer. Before, it would end by itself.
                    got = self.hold_child(child[0], deadline)
                    if got < 0:
                        break
                continue
            if (status >> 8) == (5 | 0x80):
                if entered:
                    got = 0
                    break
                entered = 1
                continue
            if (status >> 16) == PTRACE_EVENT_STOP and ((status >> 8) & 0xFF) == 5:
                continue  # the rest of an interrupt
            # A signal (or a group stop) came first: it is delivered by the detach, the call is given up.
            if (status >> 16) == 0:
                t.sig = (status >> 8) & 0xFF
            else:
                t.group = (status >> 8) & 0xFF
            got = -EAGAIN
            break
        if got == 0:
            io.iov_base = after
            io.iov_len = NREGS * 8
            if ptrace(PTRACE_GETREGSET, t.tid, <void *> NT_PRSTATUS, <void *> &io) != 0:
                got = -errno
            else:
                result[0] = <int64_t> after[R_RAX]
        io.iov_base = saved
        io.iov_len = NREGS * 8
        if ptrace(PTRACE_SETREGSET, t.tid, <void *> NT_PRSTATUS, <void *> &io) != 0 and got == 0:
            got = -errno
        return got

    cdef int hold_child(self, int child, double deadline) noexcept nogil:
        cdef int status, got
        while True:
            got = waitpid(child, &status, WALL | WNOHANG)
            if got == child:
                break
            if got < 0 and errno != EINTR:
                return -errno
            if now() > deadline:
                return -ETIMEDOUT
            pause_us(10)
        if (status & 0xFF) != 0x7F:
            return -ESRCH
        if ptrace(PTRACE_SETOPTIONS, child, <void *> 0, <void *> <size_t> PTRACE_O_EXITKILL) != 0:
            return -errno
        return 0

    def inject(self, int tid, uint64_t[::1] saved, uint64_t[::1] work, double timeout):
        """Runs the system call that ``work`` sets up (27 words) on a stopped thread; puts ``saved`` back.

        Returns (result, child pid or 0).
        """
        cdef Thread *t = self.find(tid)
        cdef int got
        cdef int child = 0
        cdef int64_t result = 0
        if saved.shape[0] < NREGS or work.shape[0] < NREGS:
            raise ValueError("27 words are needed")
        if t == NULL or t.state != STOPPED or t.sig or t.group:
            raise OSError(EAGAIN, "the thread is not in a plain stop")
        with nogil:
            got = self.run_syscall(t, &saved[0], &work[0], now() + timeout, &result, &child)
        if got < 0:
            err = OSError(-got, "injected system call")
            err.child = child
            raise err
        return result, child


def reap(int pid, double timeout):
    """Waits for a traced child that was killed, as its tracer. True when it was seen to end."""
    cdef double deadline = now() + timeout
    cdef int status, got
    with nogil:
        while True:
            got = waitpid(pid, &status, WALL | WNOHANG)
            if got == pid and (status & 0xFF) != 0x7F:
                break
            if got < 0 and errno != EINTR:
                break
            if now() > deadline:
                got = 0
                break
            if got == 0:
                pause_us(100)
    return got == pid


def page_scan(int fd, uint64_t start, uint64_t end, uint64_t any_of, uint64_t returned, uint64_t[:, ::1] out):
    """One PAGEMAP_SCAN ioctl: rows (start, end, categories) into ``out``; (rows, address reached)."""
    cdef pm_scan_arg arg
    cdef int got
    if out.shape[1] != 3 or out.shape[0] == 0:
        raise ValueError("rows of three words are needed")
    memset(&arg, 0, sizeof(arg))
    arg.size = sizeof(arg)
    arg.start = start
    arg.end = end
    arg.vec = <uint64_t> <size_t> &out[0, 0]
    arg.vec_len = <uint64_t> out.shape[0]
    arg.category_anyof_mask = any_of
    arg.return_mask = returned
    with nogil:
        got = ioctl(fd, PAGEMAP_SCAN, &arg)
    if got < 0:
        raise OSError(errno, "PAGEMAP_SCAN")
    return got, arg.walk_end


def pagemap_runs(int fd, uint64_t start, uint64_t end, uint64_t[:, ::1] out):
    """The same from the words of /proc/PID/pagemap: PRESENT 8, SWAPPED 16, FILE 4; no zero page, no huge."""
    cdef uint64_t words[4096]
    cdef uint64_t at = start
    cdef uint64_t flags, last = 0
    cdef Py_ssize_t rows = 0
    cdef Py_ssize_t cap = out.shape[0]
    cdef Py_ssize_t i, want
    cdef ssize_t n
    cdef int err = 0
    cdef bint full = False
    if out.shape[1] != 3 or cap == 0:
        raise ValueError("rows of three words are needed")
    with nogil:
        while at < end and not full:
            want = <Py_ssize_t> ((end - at) >> 12)
            if want > 4096:
                want = 4096
            if want == 0:
                break
            n = pread(fd, words, want * 8, <off_t> ((at >> 12) * 8))
            if n < 0:
                err = errno
                break
            if n < 8:
                at = end
                break
            for i in range(n >> 3):
                flags = 0
                if words[i] >> 63:
                    flags |= 8
                if (words[i] >> 62) & 1:
                    flags |= 16
                if flags and (words[i] >> 61) & 1:
                    flags |= 4
                if flags and flags == last and out[rows - 1, 1] == at:
                    out[rows - 1, 1] = at + PAGE
                elif flags:
                    if rows == cap:
                        full = True
                        break
                    out[rows, 0] = at
                    out[rows, 1] = at + PAGE
                    out[rows, 2] = flags
                    rows += 1
                last = flags
                at += PAGE
    if err:
        raise OSError(err, "pagemap")
    return rows, at


def copy_ranges(int pid, const uint64_t[::1] source, const uint64_t[::1] target, const uint64_t[::1] length,
                Py_ssize_t first, Py_ssize_t last, double deadline):
    """process_vm_readv of ranges [first, last); (bytes copied, bytes that could not be read)."""
    cdef iovec local[IOV]
    cdef iovec remote[IOV]
    cdef Py_ssize_t i = first
    cdef Py_ssize_t k, n
    cdef uint64_t done = 0  # of range i
    cdef uint64_t copied = 0
    cdef uint64_t skipped = 0
    cdef uint64_t batch, piece
    cdef ssize_t got
    cdef int err = 0
    if first < 0 or last > source.shape[0] or last > target.shape[0] or last > length.shape[0]:
        raise ValueError("ranges out of bounds")
    with nogil:
        while i < last:
            n = 0
            k = i
            batch = 0
            while k < last and n < IOV and batch < (64 << 20):
                piece = length[k] - (done if k == i else 0)
                if piece > (64 << 20):
                    piece = 64 << 20
                remote[n].iov_base = <void *> <size_t> (source[k] + (done if k == i else 0))
                local[n].iov_base = <void *> <size_t> (target[k] + (done if k == i else 0))
                remote[n].iov_len = piece
                local[n].iov_len = piece
                batch += piece
                n += 1
                if piece + (done if k == i else 0) < length[k]:
                    break
                k += 1
            if batch == 0:
                i = k
                done = 0
                continue
            got = process_vm_readv(pid, local, n, remote, n, 0)
            if got < 0 and errno != EFAULT:
                if errno == EINTR:
                    continue
                err = errno
                break
            if got <= 0:
                # The first page of the batch cannot be read (beyond a file's end, say): it stays zero.
                got = PAGE - <ssize_t> ((source[i] + done) & (PAGE - 1))
                if <uint64_t> got > length[i] - done:
                    got = <ssize_t> (length[i] - done)
                skipped += <uint64_t> got
            else:
                copied += <uint64_t> got
            done += <uint64_t> got
            while i < last and done >= length[i]:
                done -= length[i]
                i += 1
            if deadline > 0 and now() > deadline:
                err = ETIMEDOUT
                break
    if err:
        raise OSError(err, "process_vm_readv")
    return copied, skipped


def copy_from_file(int fd, const uint64_t[::1] source, const uint64_t[::1] target, const uint64_t[::1] length,
                   Py_ssize_t first, Py_ssize_t last, double deadline):
    """The same by pread on /proc/PID/mem."""
    cdef Py_ssize_t i
    cdef uint64_t done, want
    cdef uint64_t copied = 0
    cdef uint64_t skipped = 0
    cdef ssize_t got
    cdef int err = 0
    if first < 0 or last > source.shape[0] or last > target.shape[0] or last > length.shape[0]:
        raise ValueError("ranges out of bounds")
    with nogil:
        for i in range(first, last):
            done = 0
            while done < length[i]:
                want = length[i] - done
                if want > (64 << 20):
                    want = 64 << 20
                got = pread(fd, <void *> <size_t> (target[i] + done), want, <off_t> (source[i] + done))
                if got < 0 and errno == EINTR:
                    continue
                if got < 0 and errno != EIO:
                    err = errno
                    break
                if got <= 0:
                    # a page that cannot be read stays zero; EIO also when the process is gone
                    want = PAGE - ((source[i] + done) & (PAGE - 1))
                    if want > length[i] - done:
                        want = length[i] - done
                    skipped += want
                    done += want
                else:
                    copied += <uint64_t> got
                    done += <uint64_t> got
                if deadline > 0 and now() > deadline:
                    err = ETIMEDOUT
                    break
            if err:
                break
    if err:
        raise OSError(err, "pread of a process's memory")
    return copied, skipped


def populate(uint64_t address, uint64_t size):
    """Makes pages of our own memory present and writable: 0, or the errno (ENOMEM: not enough memory)."""
    cdef int got, err = 0
    with nogil:
        got = madvise(<void *> <size_t> address, size, MADV_POPULATE_WRITE)
        if got != 0:
            err = errno
    return err


def advise(uint64_t address, uint64_t size, bint huge):
    """MADV_HUGEPAGE or MADV_NOHUGEPAGE; a kernel without huge pages refuses, which does no harm."""
    with nogil:
        madvise(<void *> <size_t> address, size, MADV_HUGEPAGE if huge else MADV_NOHUGEPAGE)


def read_file(int fd, uint64_t offset, uint64_t address, uint64_t size):
    """pread into our own memory at ``address``; the number of bytes read (short at the file's end)."""
    cdef uint64_t done = 0
    cdef ssize_t got = 0
    cdef int err = 0
    with nogil:
        while done < size:
            got = pread(fd, <void *> <size_t> (address + done), size - done, <off_t> (offset + done))
            if got < 0 and errno == EINTR:
                continue
            if got <= 0:
                err = errno if got < 0 else 0
                break
            done += <uint64_t> got
    if err:
        raise OSError(err, "pread")
    return done


def monotonic():
    """CLOCK_MONOTONIC in seconds: the clock of the deadlines."""
    return now()
