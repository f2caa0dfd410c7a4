package main

import (
	"fmt"
	"time"
)

var channelCases = []scenario{
	{
		Name: "chan-global", Kind: leak, Pattern: "channel", Root: "global main.jobs", Container: "main.jobs",
		ContainerType: "chan *main.Job", Types: []string{"main.Job"},
		What: "100,000 jobs in a global channel that nobody receives from", fill: fillJobs,
	},
	{
		Name: "chan-hub", Kind: leak, Pattern: "channel", Root: "global main.hub", Container: "main.hub.backlog",
		ContainerType: "chan main.frame", Field: "main.Hub.backlog", Types: []string{"[]uint8", "chan main.frame"},
		What: "the backlog of a hub: frames by value, each with its bytes", fill: fillHub,
	},
	{
		Name: "chan-blocked-producer", Kind: leak, Pattern: "channel", Root: "goroutine main.produce",
		Container: "main.produce.queue", ContainerType: "chan *main.export", Types: []string{"main.export"},
		AlsoPatterns: []string{"goroutines"},
		What:         "only the stack of the producer, blocked in its send, still knows the full channel",
		fill:         fillProduce,
	},
	{
		Name: "chan-per-room", Kind: leak, Pattern: "channel", Root: "global main.chat",
		Container: "main.chat.rooms[...].inbox", ContainerType: "chan *main.chatLine", Field: "main.room.inbox",
		Types:          []string{"main.chatLine"},
		AlsoContainers: []string{"main.chat.rooms"}, AlsoPatterns: []string{"map"},
		What: "eight rooms, a small map, each with an inbox that is never read", fill: fillChat,
	},
}

// Job waits for a worker.
type Job struct {
	ID       uint64
	Name     string
	Payload  [260]byte
	Enqueued time.Time
}

var jobs chan *Job

func fillJobs(percent int) int {
	if jobs == nil {
		jobs = make(chan *Job, 200000)
	}
	for i := 0; i < 1000*percent; i++ {
		jobs <- &Job{ID: uint64(len(jobs)), Name: "resize", Enqueued: time.Now()}
	}
	return len(jobs)
}

type frame struct {
	Stream   uint64
	Sequence uint64
	Data     []byte
}

// Hub passes frames on to those who listen.
type Hub struct {
	name    string
	backlog chan frame
	quit    chan struct{}
}

var hub *Hub

func fillHub(percent int) int {
	if hub == nil {
		hub = &Hub{"video", make(chan frame, 60000), make(chan struct{})}
	}
	for i := 0; i < 300*percent; i++ {
		hub.backlog <- frame{7, uint64(len(hub.backlog)), bytesOf(1000, i)}
	}
	return len(hub.backlog)
}

type export struct {
	Table string
	Row   uint64
	Cells [24]string
}

var exported int

func fillProduce(percent int) int {
	full := make(chan struct{})
	go produce(700*percent, full)
	<-full
	exported += 700 * percent
	return exported
}

//go:noinline
func newExport(i int) *export { return &export{Table: "orders", Row: uint64(i)} }

// produce sends one more than its queue takes.
//
//go:noinline
func produce(n int, full chan<- struct{}) {
	queue := make(chan *export, n)
	for i := 0; ; i++ {
		if i == n {
			close(full)
		}
		queue <- newExport(i)
	}
}

type chatLine struct {
	From, Text string
	At         time.Time
	Mentions   [12]string
}

type room struct {
	name  string
	inbox chan *chatLine
}

type chatServer struct {
	rooms map[string]*room
}

var chat *chatServer

func fillChat(percent int) int {
	if chat == nil {
		chat = &chatServer{make(map[string]*room)}
		for i := 0; i < 8; i++ {
			name := fmt.Sprintf("room %d", i)
			chat.rooms[name] = &room{name, make(chan *chatLine, 20000)}
		}
	}
	total := 0
	for _, r := range chat.rooms {
		for i := 0; i < 120*percent; i++ {
			r.inbox <- &chatLine{From: "ann", Text: fmt.Sprintf("line %d", i)}
		}
		total += len(r.inbox)
	}
	return total
}
