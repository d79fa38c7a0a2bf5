"""Ops and functions of input: columns, batches and the work queue."""
