//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

// Alias is a generic alias, which 1.24 brought.
type Alias[T any] = Pair[string, T]

var (
	weaks    []weak.Pointer[Square]
	cleaned  []*Address
	cleanups []runtime.Cleanup
	aliased  *Alias[*User]
)

func buildNewest() {
	for i := 0; i < 30; i++ {
		weaks = append(weaks, weak.Make(shapes[i*3].(*Square)))
		a := &Address{City: "Biel", Zip: int32(i)}
		cleaned = append(cleaned, a)
		cleanups = append(cleanups, runtime.AddCleanup(a, func(u *User) { u.Age++ }, sliceUsers[i]))
	}
	aliased = &Alias[*User]{"alias", sliceUsers[3]}
}

func newest() uint64 {
	return uint64(len(weaks) + len(cleaned) + len(cleanups) + len(aliased.Key))
}
