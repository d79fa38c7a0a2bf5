"""Files that are either whole or not there."""

import contextlib
import json
import os
from typing import Iterator


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Gives a temporary name beside path and renames it to path at the end; on an error it is removed."""
    temporary = "{}.tmp{}".format(path, os.getpid())
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def write_json(path: str, value: object) -> None:
    """Writes a value as indented JSON; NaN is refused, None stands for a number that does not exist."""
    with replacing(path) as temporary, open(temporary, "w") as file:
        json.dump(value, file, indent=2, sort_keys=True, allow_nan=False)
        file.write("\n")
