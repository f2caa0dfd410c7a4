package shop

type Server struct{ carts map[string][]byte }

// serve keeps a cart for each request.
func (s *Server) serve(name string) {
	if s.carts == nil {
		s.carts = map[string][]byte{}
	}
	s.carts[name] = grow(1 << 10)
	s.log(name)
}

func grow(n int) []byte {
	return make([]byte, n)
}

func (s *Server) log(name string) {
	for range 2 {
		s.carts[name] = append(s.carts[name], name...)
	}
}
