"""Pages: one HTML file each, which loads nothing from anywhere."""
