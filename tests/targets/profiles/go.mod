module gosnap.test/profiles

go 1.21

require (
	example.com/dotted/yaml.v3 v1.3.0
	example.com/ring v0.4.2
	example.com/shelf/v2 v2.1.0
)

// Modules of our own under names that are not this one's, so that nothing is downloaded: a major version in the
// import path, a dot in its last element, and a plain one.
replace (
	example.com/dotted/yaml.v3 => ./deps/yaml.v3
	example.com/ring => ./deps/ring
	example.com/shelf/v2 => ./deps/shelf
)
