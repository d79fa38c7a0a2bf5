"""What is on disk, written and read back."""
