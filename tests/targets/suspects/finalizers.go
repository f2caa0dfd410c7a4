package main

import (
	"fmt"
	"runtime"
	"sync"
)

// The runtime has one goroutine for all finalizers. Its queue is not on the heap (runtime.finq, and runtime.allfin for
// what was taken from it), so what is queued is held by a root of the runtime's own.
var finalizerCases = []scenario{
	{
		Name: "finalizers-blocked", Kind: leak, Pattern: "finalizers", Root: "finalizer queue",
		Container:     "runtime.allfin",
		ContainerType: "runtime.finalizer", Types: []string{"[]uint8", "main.handle"}, AlsoRoots: finalizerRoots,
		AlsoContainers: []string{"runtime.finq"},
		What:           "the first finalizer waits for a channel for ever, and all others wait behind it",
		fill:           fillHandles,
	},
	{
		Name: "finalizers-lock", Kind: leak, Pattern: "finalizers", Root: "finalizer queue",
		Container:     "runtime.allfin",
		ContainerType: "runtime.finalizer", Types: []string{"main.texture"}, AlsoRoots: finalizerRoots,
		AlsoContainers: []string{"runtime.finq"},
		What:           "finalizers that want a mutex which somebody forgot to unlock", fill: fillTextures,
	},
}

var finalizerRoots = []string{
	"global runtime.allfin", "global runtime.finq", "goroutine runtime.runfinq", "goroutine runtime.runFinalizers",
}

type handle struct {
	fd    int
	cache []byte
}

var (
	neverClosed = make(chan struct{})
	finalized   int
)

//go:noinline
func openHandle(fd int) {
	h := &handle{fd, bytesOf(16<<10, fd)}
	runtime.SetFinalizer(h, func(h *handle) {
		<-neverClosed
		finalized += h.fd
	})
}

func fillHandles(percent int) int {
	for i := 0; i < 20*percent; i++ {
		openHandle(opened)
		opened++
	}
	return opened
}

type texture struct {
	name   string
	pixels [700]uint64
	mips   *texture
}

var (
	driver       sync.Mutex
	textureBytes int
)

func (t *texture) free() {
	driver.Lock()
	defer driver.Unlock()
	textureBytes -= len(t.pixels)
}

//go:noinline
func loadTexture(i int) {
	t := &texture{name: fmt.Sprintf("texture %d", i), mips: &texture{name: "mip"}}
	runtime.SetFinalizer(t, (*texture).free)
}

func fillTextures(percent int) int {
	driver.TryLock()
	for i := 0; i < 30*percent; i++ {
		loadTexture(i)
		opened++
	}
	return opened
}
