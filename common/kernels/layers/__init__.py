"""Ops of dense layers, of norms, mixtures and attention, and their Python wrappers."""
