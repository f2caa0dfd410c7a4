"""Text for people, one module per view."""
