//go:build !pprof

package main

func serve() {}
