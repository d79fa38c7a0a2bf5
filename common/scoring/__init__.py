"""Probabilities of rows, written to a file."""
