// Package yaml has a dot in the last element of its path, which the linker writes as %2e.
package yaml

// Node is a tree.
type Node struct {
	Kids  []*Node
	Value string
}

// Parse builds a tree of this depth.
//
//go:noinline
func Parse(depth int) *Node {
	n := &Node{Value: string(make([]byte, 24))}
	if depth > 0 {
		n.Kids = append(n.Kids, Parse(depth-1), Parse(depth-1))
	}
	return n
}
