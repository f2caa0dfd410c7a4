//go:build !go1.24

package main

var cleanupCases []scenario
