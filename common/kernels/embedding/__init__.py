"""Ops of embeddings: lookups and hash tables, and their Python wrappers."""
