//go:build go1.24

package main

import "runtime"

// Before Go 1.25 cleanups wait in the queue of finalizers, from then on in one of their own.
var cleanupCases = []scenario{
	{
		Name: "cleanups-blocked", Kind: leak, Pattern: "finalizers", Root: "finalizer queue",
		Container:     "runtime.allfin",
		ContainerType: "runtime.finalizer", Types: []string{"[]uint8", "main.mapping"}, AlsoRoots: finalizerRoots,
		AlsoContainers: []string{"runtime.finq"},
		What:           "cleanups that wait for a channel for ever, each with the mapping that it should undo",
		fill:           fillMappings,
	},
}

type mapping struct {
	fd   int
	copy []byte
}

type mapped struct{ at *int }

//go:noinline
func mapFile(fd int) {
	m := &mapped{new(int)}
	runtime.AddCleanup(m, func(m *mapping) {
		<-neverClosed
		finalized += m.fd
	}, &mapping{fd, bytesOf(16<<10, fd)})
}

func fillMappings(percent int) int {
	for i := 0; i < 20*percent; i++ {
		mapFile(opened)
		opened++
	}
	return opened
}
