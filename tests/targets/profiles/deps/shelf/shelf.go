// Package shelf keeps books by title. Its import path ends in /v2, its name does not.
package shelf

// Book is kept by pointer.
type Book struct {
	Title string
	Pages [][]byte
}

// Shelf is a map of books.
type Shelf struct {
	books map[string]*Book
	last  *Book
}

// New returns an empty shelf.
func New() *Shelf { return &Shelf{books: map[string]*Book{}} }

// Put adds a book with this many pages.
//
//go:noinline
func (s *Shelf) Put(title string, pages int) *Book {
	b := &Book{Title: title}
	for i := 0; i < pages; i++ {
		b.add(64 + i%7*32)
	}
	s.books[title] = b
	s.last = b
	return b
}

func (b *Book) add(size int) { b.Pages = append(b.Pages, make([]byte, size)) }

// Len has a receiver that is no pointer.
func (s Shelf) Len() int { return len(s.books) }

// Index holds functions that are reached by value only.
type Index struct{ Words []string }

// Word is called as a method value.
//
//go:noinline
func (x *Index) Word(w string) { x.Words = append(x.Words, w+"\x00"+w) }
