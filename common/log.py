"""Lines of progress on standard error."""

import sys


def log(text: str) -> None:
    """A line of progress, at once."""
    # One write: print makes two where output is unbuffered, as in the image, and a container's log
    # then holds an empty second half of each line.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
