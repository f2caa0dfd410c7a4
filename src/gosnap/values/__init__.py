"""Named values: an expression, decoded to a tree."""
