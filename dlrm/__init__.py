"""DLRM, Deep Learning Recommendation Model (arXiv 1906.00091)."""
