"""Prints who serves which flag, as Markdown: python -m common.deeprec."""

import contextlib

from common.deeprec import support

if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        print(support.document())
