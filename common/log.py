"""Lines of progress on standard error, and what a command prints on standard output."""

import os
import sys


def log(text: str) -> None:
    """A line of progress, at once."""
    # One write: print makes two where output is unbuffered, as in the image, and a container's log
    # then holds an empty second half of each line.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show(text: str) -> None:
    """Prints text on standard output, which its reader may close early, as `head` does."""
    try:
        print(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes what is left once more when it ends: nobody reads that, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
