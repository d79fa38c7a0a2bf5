"""DIN, Deep Interest Network (arXiv 1706.06978)."""
