package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
)

var subsliceCases = []scenario{
	{
		Name: "substring-titles", Kind: leak, Pattern: "subslice", Root: "global main.titles", Container: "main.titles",
		ContainerType: "[]string", Types: []string{"string"}, AlsoPatterns: []string{"slice", "strings"},
		What: "titles of 12 bytes cut from documents of 48 kB", fill: fillTitles,
	},
	{
		Name: "subslice-map", Kind: leak, Pattern: "subslice", Root: "global main.checks", Container: "main.checks",
		ContainerType: "map[uint64][]uint8", Types: []string{"[]uint8"}, AlsoPatterns: []string{"map", "buffers"},
		What: "the first 10 bytes of arrays of 64 kB, in a map", fill: fillChecks,
	},
	{
		Name: "subslice-structs", Kind: leak, Pattern: "subslice", Root: "global main.catalog",
		Container: "main.catalog.entries", ContainerType: "[]*main.catalogEntry", Field: "main.Catalog.entries",
		Types: []string{"[]main.parsedLine"}, AlsoPatterns: []string{"slice"},
		What: "an entry keeps the last 2 of 700 parsed lines; the array has them all", fill: fillCatalog,
	},
}

var titles []string

func fillTitles(percent int) int {
	for i := 0; i < 7*percent; i++ {
		document := textOf(48<<10, i)
		titles = append(titles, document[1024:1036])
	}
	return len(titles)
}

var checks = map[uint64][]byte{}

func fillChecks(percent int) int {
	for i := 0; i < 5*percent; i++ {
		packet := bytesOf(64<<10, i)
		checks[spread(uint64(len(checks)))] = packet[:10]
	}
	return len(checks)
}

type parsedLine struct {
	Number int
	Text   string
	Words  []string
}

type catalogEntry struct {
	File  string
	Lines []parsedLine
}

// Catalog knows files by their last lines.
type Catalog struct {
	entries []*catalogEntry
}

var catalog *Catalog

func fillCatalog(percent int) int {
	if catalog == nil {
		catalog = new(Catalog)
	}
	for i := 0; i < 9*percent; i++ {
		lines := make([]parsedLine, 700)
		for j := range lines {
			lines[j].Number = j
		}
		catalog.entries = append(catalog.entries, &catalogEntry{fmt.Sprintf("file%d.csv", i), lines[698:]})
	}
	return len(catalog.entries)
}

// A map gives its storage back to nobody, however few entries it still has.
var emptiedCases = []scenario{
	{
		Name: "emptied-map", Kind: leak, Pattern: "emptied-map", Root: "global main.positions",
		Container:     "main.positions",
		ContainerType: "map[uint64]main.Position", Types: []string{"main.Position"},
		What: "600,000 entries came and all were deleted one by one", fill: fillPositions,
	},
	{
		Name: "emptied-map-clear", Kind: leak, Pattern: "emptied-map", Root: "global main.dedup",
		Container: "main.dedup.seen", ContainerType: "map[[16]uint8]int64", Field: "main.Deduplicator.seen",
		Types: []string{"[16]uint8"},
		What:  "a set of ids that clear() empties each hour", fill: fillDedup,
	},
	{
		Name: "emptied-map-few-left", Kind: leak, Pattern: "emptied-map", Root: "global main.players",
		Container: "main.players.online", ContainerType: "map[uint32]main.playerState", Field: "main.playerTable.online",
		Types: []string{"main.playerState"},
		What:  "after the peak 50 of 400,000 entries are left", fill: fillPlayers,
	},
}

// Position is where a vehicle was last.
type Position struct{ Lat, Lon float64 }

var positions = map[uint64]Position{}

// grown is how many entries the maps have at their peak: 50 % more would fit into the storage that there is.
func grown(base, percent int) int {
	if percent == 100 {
		return base
	}
	return base * 2
}

func fillPositions(percent int) int {
	n := grown(600000, percent)
	for i := 0; i < n; i++ {
		positions[spread(uint64(i))] = Position{float64(i), 0}
	}
	for i := 0; i < n; i++ {
		delete(positions, spread(uint64(i)))
	}
	return len(positions)
}

// Deduplicator has seen ids.
type Deduplicator struct {
	mu     sync.Mutex
	window time.Duration
	seen   map[[16]byte]int64
}

var dedup *Deduplicator

func fillDedup(percent int) int {
	if dedup == nil {
		dedup = &Deduplicator{window: time.Hour, seen: make(map[[16]byte]int64)}
	}
	for i := 0; i < grown(600000, percent); i++ {
		var id [16]byte
		for j, v := 0, spread(uint64(i)); j < 8; j++ {
			id[j] = byte(v >> (8 * j))
		}
		dedup.seen[id] = int64(i)
	}
	clear(dedup.seen)
	return len(dedup.seen)
}

type playerState struct {
	Name  string
	X, Y  int32
	Level uint16
}

type playerTable struct {
	online map[uint32]playerState
}

var players *playerTable

func fillPlayers(percent int) int {
	if players == nil {
		players = &playerTable{make(map[uint32]playerState)}
	}
	n := grown(400000, percent)
	for i := 0; i < n; i++ {
		players.online[uint32(i)] = playerState{"guest", int32(i), 0, 1}
	}
	for i := 50; i < n; i++ {
		delete(players.online, uint32(i))
	}
	return len(players.online)
}

var bufferCases = []scenario{
	{
		Name: "buffers-slice", Kind: leak, Pattern: "buffers", Root: "global main.frames", Container: "main.frames",
		ContainerType: "[][]uint8", Types: []string{"[]uint8"}, AlsoPatterns: []string{"slice"},
		What: "a buffer of 32 kB per frame, kept in a free list that nothing takes from", fill: fillFrames,
	},
	{
		Name: "buffers-bytes-buffer", Kind: leak, Pattern: "buffers", Root: "global main.recording",
		Container: "main.recording.data", ContainerType: "bytes.Buffer", Field: "main.Recording.data",
		Types: []string{"[]uint8"},
		What:  "one bytes.Buffer that is written to and never reset", fill: fillRecording,
	},
	{
		Name: "buffers-in-structs", Kind: leak, Pattern: "buffers", Root: "global main.uploads",
		Container: "main.uploads.parts", ContainerType: "[]*main.uploadPart", Field: "main.UploadManager.parts",
		Types: []string{"[]uint8"}, AlsoPatterns: []string{"slice"},
		What: "finished parts of uploads, each with a bytes.Buffer of its own", fill: fillUploads,
	},
}

var frames [][]byte

func fillFrames(percent int) int {
	for i := 0; i < 10*percent; i++ {
		frames = append(frames, bytesOf(32<<10, i))
	}
	return len(frames)
}

// Recording is a stream as it came.
type Recording struct {
	name string
	data bytes.Buffer
}

var recording *Recording

func fillRecording(percent int) int {
	if recording == nil {
		recording = &Recording{name: "stdout"}
	}
	chunk := bytesOf(4<<10, 1)
	for i := 0; i < 64*percent; i++ {
		recording.data.Write(chunk)
	}
	return recording.data.Len()
}

type uploadPart struct {
	number int
	body   bytes.Buffer
	done   bool
}

// UploadManager assembles uploads.
type UploadManager struct {
	mu    sync.Mutex
	parts []*uploadPart
}

var uploads *UploadManager

func fillUploads(percent int) int {
	if uploads == nil {
		uploads = new(UploadManager)
	}
	for i := 0; i < 18*percent; i++ {
		part := &uploadPart{number: len(uploads.parts), done: true}
		part.body.Write(bytesOf(16<<10, i))
		uploads.parts = append(uploads.parts, part)
	}
	return len(uploads.parts)
}

var stringCases = []scenario{
	{
		Name: "strings-builder", Kind: leak, Pattern: "strings", Root: "global main.report",
		Container:     "main.report.out",
		ContainerType: "strings.Builder", Field: "main.Report.out", Types: []string{"[]uint8"},
		AlsoPatterns: []string{"buffers"},
		What:         "a strings.Builder that only grows", fill: fillReport,
	},
	{
		Name: "strings-lines", Kind: leak, Pattern: "strings", Root: "global main.transcript",
		Container:     "main.transcript",
		ContainerType: "[]string", Types: []string{"string"}, AlsoPatterns: []string{"slice"},
		What: "each line that was ever printed", fill: fillTranscript,
	},
	{
		Name: "strings-concatenated", Kind: leak, Pattern: "strings", Root: "global main.csv", Container: "main.csv",
		ContainerType: "string", Types: []string{"string"},
		What: "csv += ... : one string of tens of megabytes", fill: fillCSV,
	},
}

// Report is text in the making.
type Report struct {
	title string
	out   strings.Builder
}

var report *Report

func fillReport(percent int) int {
	if report == nil {
		report = &Report{title: "all"}
	}
	for i := 0; i < 5000*percent; i++ {
		fmt.Fprintf(&report.out, "line %9d: nothing happened, as on each of the days before\n", i)
	}
	return report.out.Len()
}

var transcript []string

func fillTranscript(percent int) int {
	for i := 0; i < 2500*percent; i++ {
		transcript = append(transcript, fmt.Sprintf("%8d GET /orders/%d 200 from 10.0.0.1 by somebody, took 12 ms", i, i))
	}
	return len(transcript)
}

var csv string

func fillCSV(percent int) int {
	part := textOf(320<<10, 3)
	for i := 0; i < percent; i++ {
		csv += part
	}
	return len(csv)
}

// What a pool has is dropped in two collections, so the last collection is before the fill and none comes after it.
var poolCases = []scenario{
	{
		Name: "pool-buffers", Kind: leak, Pattern: "pool", Root: "global main.bufferPool", Container: "main.bufferPool",
		ContainerType: "sync.Pool", Types: []string{"[]uint8"}, AlsoPatterns: []string{"buffers"},
		What: "a burst returned buffers that had grown to 128 kB each; the collector is off", fill: fillPool,
		uncollected: true,
	},
	{
		Name: "pool-encoders", Kind: leak, Pattern: "pool", Root: "global main.renderer",
		Container:     "main.renderer.encoders",
		ContainerType: "sync.Pool", Field: "main.Renderer.encoders", Types: []string{"main.encoder"},
		What: "a pool in a struct, of encoders with large tables; the collector is off", fill: fillEncoders,
		uncollected: true,
	},
}

var (
	bufferPool = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	pooled     int
)

func fillPool(percent int) int {
	n := 250 * percent / 100
	burst := make([]*bytes.Buffer, n)
	for i := range burst {
		burst[i] = new(bytes.Buffer)
		burst[i].Grow(128 << 10)
	}
	for _, b := range burst {
		b.Reset()
		bufferPool.Put(b)
	}
	pooled += n
	return pooled
}

type encoder struct {
	level int
	table [6000]uint32
	out   bytes.Buffer
}

// Renderer has encoders to reuse.
type Renderer struct {
	format   string
	encoders sync.Pool
}

var renderer *Renderer

func fillEncoders(percent int) int {
	if renderer == nil {
		renderer = &Renderer{format: "png", encoders: sync.Pool{New: func() any { return new(encoder) }}}
	}
	n := 13 * percent
	for i := 0; i < n; i++ {
		renderer.encoders.Put(&encoder{level: i})
	}
	pooled += n
	return pooled
}
