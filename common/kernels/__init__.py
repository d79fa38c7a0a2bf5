"""Native ops and their Python wrappers."""
