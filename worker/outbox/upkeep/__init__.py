"""The upkeep room: housekeeping that ends, blanks and marks operations."""
