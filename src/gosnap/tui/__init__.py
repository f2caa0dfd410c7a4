"""Screens in a terminal. Nothing but ``gosnap live`` imports this room, and textual with it."""
