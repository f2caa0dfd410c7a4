package main

import (
	"container/list"
	"errors"
	"fmt"
	"time"
)

var listCases = []scenario{
	{
		Name: "list-container", Kind: leak, Pattern: "list", Root: "global main.auditTrail",
		Container:     "main.auditTrail",
		ContainerType: "container/list.List", Types: []string{"main.auditEntry", "container/list.Element"},
		What: "a container/list that is only pushed to", fill: fillAudit,
	},
	{
		Name: "list-linked", Kind: leak, Pattern: "list", Root: "global main.undo", Container: "main.undo.head",
		ContainerType: "*main.undoStep", Field: "main.UndoLog.head", Types: []string{"main.undoStep"},
		What: "a linked list of one's own: every step can be undone, for ever", fill: fillUndo,
	},
	{
		Name: "list-on-stack", Kind: leak, Pattern: "list", Root: "goroutine main.replicate",
		Container:     "main.replicate.log",
		ContainerType: "*main.walEntry", Types: []string{"main.walEntry"},
		What: "a linked list of which only a local variable of a goroutine has the head", fill: fillReplicate,
	},
}

type auditEntry struct {
	Who, What string
	At        time.Time
	Before    [20]string
}

var auditTrail *list.List

func fillAudit(percent int) int {
	if auditTrail == nil {
		auditTrail = list.New()
	}
	for i := 0; i < 700*percent; i++ {
		auditTrail.PushBack(&auditEntry{Who: "admin", What: "changed a role", At: time.Now()})
	}
	return auditTrail.Len()
}

type undoStep struct {
	Offset int
	Old    [400]byte
	prev   *undoStep
}

// UndoLog has the last step, which has the one before.
type UndoLog struct {
	document string
	length   int
	head     *undoStep
}

var undo *UndoLog

func fillUndo(percent int) int {
	if undo == nil {
		undo = &UndoLog{document: "letter.txt"}
	}
	for i := 0; i < 700*percent; i++ {
		undo.head = &undoStep{Offset: i, prev: undo.head}
		undo.length++
	}
	return undo.length
}

type walEntry struct {
	Sequence uint64
	Data     [450]byte
	Next     *walEntry
}

func fillReplicate(percent int) int {
	return request(percent, 600*percent, func() { go replicate() })
}

//go:noinline
func prepend(log *walEntry, n int) *walEntry {
	for i := 0; i < n; i++ {
		next := uint64(1)
		if log != nil {
			next = log.Sequence + 1
		}
		log = &walEntry{Sequence: next, Next: log}
	}
	return log
}

//go:noinline
func replicate() {
	var log *walEntry
	for b := range batches {
		log = prepend(log, b.n)
		b.done <- int(log.Sequence)
	}
}

var otherCases = []scenario{
	{
		Name: "tree-index", Kind: leak, Pattern: "", Root: "global main.index", Container: "main.index.root",
		ContainerType: "*main.treeNode", Field: "main.TreeIndex.root", Types: []string{"main.treeNode"},
		AlsoPatterns: []string{"list"},
		What:         "a binary search tree that nothing is ever taken from", fill: fillTree,
	},
	{
		Name: "trie-prefixes", Kind: leak, Pattern: "", Root: "global main.prefixes", Container: "main.prefixes",
		ContainerType: "*main.trieNode", Types: []string{"main.trieNode"}, AlsoPatterns: []string{"list"},
		What: "a trie of all search terms, each node with an array of 16 children", fill: fillTrie,
	},
	{
		Name: "error-chain", Kind: leak, Pattern: "", Root: "global main.uplink", Container: "main.uplink.lastError",
		ContainerType: "*main.OpError", Field: "main.Uplink.lastError", Types: []string{"main.OpError"},
		AlsoPatterns: []string{"list"},
		What:         "each failed reconnect wraps the error of the one before", fill: fillErrors,
	},
}

type treeNode struct {
	left, right *treeNode
	key         uint64
	document    [220]byte
}

// TreeIndex finds documents by key.
type TreeIndex struct {
	root *treeNode
	size int
}

func (x *TreeIndex) insert(key uint64) {
	at := &x.root
	for *at != nil {
		if key < (*at).key {
			at = &(*at).left
		} else {
			at = &(*at).right
		}
	}
	*at = &treeNode{key: key}
	x.size++
}

var index *TreeIndex

func fillTree(percent int) int {
	if index == nil {
		index = new(TreeIndex)
	}
	for i := 0; i < 1200*percent; i++ {
		index.insert(spread(uint64(index.size)))
	}
	return index.size
}

type trieNode struct {
	children [16]*trieNode
	count    int
}

var (
	prefixes *trieNode
	terms    int
)

func fillTrie(percent int) int {
	if prefixes == nil {
		prefixes = new(trieNode)
	}
	for i := 0; i < 700*percent; i++ {
		key := spread(uint64(terms))
		node := prefixes
		for depth := 0; depth < 7; depth++ {
			child := &node.children[key>>(4*depth)&15]
			if *child == nil {
				*child = new(trieNode)
			}
			node = *child
			node.count++
		}
		terms++
	}
	return terms
}

// OpError says what failed, and why.
type OpError struct {
	Op   string
	At   time.Time
	Err  error
	Dump [900]byte
}

func (e *OpError) Error() string { return e.Op + " failed" }

// Unwrap is for errors.Is.
func (e *OpError) Unwrap() error { return e.Err }

// Uplink connects again and again.
type Uplink struct {
	address   string
	attempts  int
	lastError error
}

var uplink *Uplink

func fillErrors(percent int) int {
	if uplink == nil {
		uplink = &Uplink{address: "uplink.example.org:1883", lastError: errors.New("connection refused")}
	}
	for i := 0; i < 300*percent; i++ {
		uplink.attempts++
		uplink.lastError = &OpError{Op: fmt.Sprintf("attempt %d", uplink.attempts), At: time.Now(), Err: uplink.lastError}
	}
	return uplink.attempts
}
