// Command shapes holds sessions in containers of several kinds, so that it is known by which path each is held: its User
// says where it is, in the words of a path.
package main

import (
	"fmt"
	"sync"

	"gosnap.test/ready"
)

type Session struct {
	User string
	Data []byte
}

type Shard struct {
	mu sync.RWMutex
	m  map[string]*Session
}

type Tree struct {
	Left, Right *Tree
	Val         *Session
}

type ID struct{ A, B int }

// Cache has a sync.Map that is not the first of its fields.
type Cache struct {
	name    string
	entries sync.Map
}

var (
	sessions sync.Map
	numbered sync.Map
	cache    Cache
	shards   [4]Shard
	tree     *Tree
	byID     = map[ID]*Session{}
	nested   = map[string]map[string]*Session{}
)

const each = 300

func session(where string, args ...any) *Session {
	return &Session{fmt.Sprintf(where, args...), make([]byte, 100)}
}

func grow(depth int, way string) *Tree {
	if depth == 0 {
		return nil
	}
	return &Tree{grow(depth-1, way+" → *main.Tree.Left"), grow(depth-1, way+" → *main.Tree.Right"), session("%s → *main.Tree.Val", way)}
}

func main() {
	for i := 0; i < each; i++ {
		key := fmt.Sprintf("u%d", i)
		sessions.Store(key, session(`global main.sessions → map["%s"]`, key))
		numbered.Store(i, session(`global main.numbered → map[%d]`, i))
		cache.entries.Store(key, session(`global main.cache.entries → map["%s"]`, key))
		s := &shards[i%len(shards)]
		if s.m == nil {
			s.m = map[string]*Session{}
		}
		s.m[key] = session(`global main.shards[%d].m → map["%s"]`, i%len(shards), key)
		byID[ID{i, 2 * i}] = session(`global main.byID → map[{%d, %d}]`, i, 2*i)
		outer := fmt.Sprintf("n%d", i%3)
		if nested[outer] == nil {
			nested[outer] = map[string]*Session{}
		}
		nested[outer][key] = session(`global main.nested → map["%s"] → map["%s"]`, outer, key)
	}
	tree = grow(6, "global main.tree")
	// reads make a sync.Map of Go < 1.24 move its entries from the one of its maps to the other
	for i := 0; i < 2*each; i++ {
		sessions.Load(i)
	}
	ready.Begin(600)
	ready.Settle()
	ready.Report(false, nil)
	ready.Wait(func(byte) { ready.Report(false, nil) })
}
