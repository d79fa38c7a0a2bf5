"""How a process lives with others."""
