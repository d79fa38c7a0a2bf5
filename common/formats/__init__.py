"""Files as chunks of raw columns."""
