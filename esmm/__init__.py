"""ESMM, Entire Space Multi-Task Model (arXiv 1804.07931)."""
