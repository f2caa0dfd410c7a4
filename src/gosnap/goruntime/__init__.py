"""The Go runtime as data: layouts, spans, runtime types, memory statistics."""
