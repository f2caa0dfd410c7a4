"""The object graph as columns: objects, edges, types, regions."""
