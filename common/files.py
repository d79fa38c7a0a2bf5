"""Files that are either whole or not there."""

import contextlib
import json
import os
from typing import Iterator


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields a temporary name beside path, and renames that file to path at the end.

    On an error it is removed, and what path held before stays.
    """
    temporary = "{}.tmp{}".format(path, os.getpid())
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def write_json(path: str, value: object) -> None:
    """Writes a value as indented JSON; NaN is refused: write None for a number that does not exist.

    Raises:
      ValueError: a number is NaN or infinite.
    """
    with replacing(path) as temporary, open(temporary, "w") as file:
        json.dump(value, file, indent=2, sort_keys=True, allow_nan=False)
        file.write("\n")
