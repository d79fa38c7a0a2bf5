"""Ops that update variables, and their Python wrapper."""
