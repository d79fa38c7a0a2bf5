"""The Amazon Books data of DIN, from raw files."""
