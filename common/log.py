"""Lines of progress on standard error."""

import sys


def log(text: str) -> None:
    """A line of progress, at once."""
    print(text, file=sys.stderr, flush=True)
