"""A running program by the second, read page by page while it runs on."""
