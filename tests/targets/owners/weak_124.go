//go:build go1.24

package main

import "weak"

var pointers []weak.Pointer[Blob]

// weaken makes weak pointers to blobs that the map holds.
func weaken() {
	for i := 0; i < nOwned; i += 2 {
		pointers = append(pointers, weak.Make(owned[i]))
	}
}
