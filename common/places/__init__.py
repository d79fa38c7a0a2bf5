"""Addresses in object stores, and what is asked and told there."""
