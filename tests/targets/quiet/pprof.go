//go:build pprof

package main

import (
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
)

func serve() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	port = l.Addr().(*net.TCPAddr).Port
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello\n")) })
	go http.Serve(l, nil)
}
