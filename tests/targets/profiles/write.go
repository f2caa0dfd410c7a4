package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
)

// settle publishes everything so far: the runtime's profile is that of the last completed collection, and what was
// allocated since the one before it is in there only after two.
func settle() {
	debug.SetGCPercent(-1)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
}

func writeHeap(dir, name string) { write(dir, name+".pb.gz", "heap", 0) }

func write(dir, name, profile string, debug int) {
	f, err := os.Create(filepath.Join(dir, name))
	must(err)
	must(pprof.Lookup(profile).WriteTo(f, debug))
	must(f.Close())
}

// writeRest writes everything but the heap profiles. There is no collection in between, so all are of one moment.
func writeRest(dir string) {
	records := allRecords()
	write(dir, "heap.txt", "heap", 1)
	write(dir, "allocs.pb.gz", "allocs", 0)
	write(dir, "goroutine.pb.gz", "goroutine", 0)
	write(dir, "goroutine.txt", "goroutine", 1)
	writeRecords(dir, records)
	if pprof.Lookup("goroutineleak") != nil {
		write(dir, "leaked.pb.gz", "goroutineleak", 0) // last: it collects
	}
}

func allRecords() []runtime.MemProfileRecord {
	for n, _ := runtime.MemProfile(nil, true); ; {
		records := make([]runtime.MemProfileRecord, n+100)
		var ok bool
		if n, ok = runtime.MemProfile(records, true); ok {
			return records[:n]
		}
	}
}

type frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

type record struct {
	AllocObjects int64   `json:"alloc_objects"`
	AllocBytes   int64   `json:"alloc_bytes"`
	FreeObjects  int64   `json:"free_objects"`
	FreeBytes    int64   `json:"free_bytes"`
	PCs          int     `json:"pcs"`
	Frames       []frame `json:"frames"`
}

func writeRecords(dir string, records []runtime.MemProfileRecord) {
	out := struct {
		Go      string   `json:"go"`
		Rate    int      `json:"rate"`
		Records []record `json:"records"`
	}{Go: runtime.Version(), Rate: runtime.MemProfileRate, Records: []record{}}
	for i := range records {
		r := &records[i]
		written := record{
			AllocObjects: r.AllocObjects, AllocBytes: r.AllocBytes,
			FreeObjects: r.FreeObjects, FreeBytes: r.FreeBytes,
			PCs: len(r.Stack()), Frames: []frame{},
		}
		frames := runtime.CallersFrames(r.Stack())
		for more := len(r.Stack()) > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			written.Frames = append(written.Frames, frame{f.Function, f.File, f.Line})
		}
		out.Records = append(out.Records, written)
	}
	f, err := os.Create(filepath.Join(dir, "records.json"))
	must(err)
	must(json.NewEncoder(f).Encode(out))
	must(f.Close())
}
