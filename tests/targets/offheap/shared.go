package main

import "syscall"

const (
	sharedBytes = 8 << 20
	hiddenBytes = 8 << 20
)

var shared, hidden []byte

// takeShared maps memory that is shared though nobody shares it, and memory that is written and then made inaccessible.
func takeShared() error {
	var err error
	const rw = syscall.PROT_READ | syscall.PROT_WRITE
	if shared, err = syscall.Mmap(-1, 0, sharedBytes, rw, syscall.MAP_SHARED|syscall.MAP_ANON); err != nil {
		return err
	}
	if hidden, err = syscall.Mmap(-1, 0, hiddenBytes, rw, syscall.MAP_PRIVATE|syscall.MAP_ANON); err != nil {
		return err
	}
	for i := range shared {
		shared[i] = 3
	}
	for i := range hidden {
		hidden[i] = 4
	}
	return syscall.Mprotect(hidden, syscall.PROT_NONE)
}
