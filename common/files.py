"""Files that are either whole or not there, and logs of one JSON value a line."""

import contextlib
import glob
import json
import os
from typing import Any, Dict, Iterator, List

_TEMPORARY = ".tmp"  # and the number of the process


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields a temporary name beside path, and renames that file to path at the end.

    On an error it is removed, and what path held before stays. An OSError names the path. What a
    killed process of this machine has left under such a name is removed, too.
    """
    _remove_leftovers(path)
    temporary = "{}{}{}".format(path, _TEMPORARY, os.getpid())
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is None:  # as where a disk is full
            error.filename = path
        raise
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def _remove_leftovers(path: str) -> None:
    """Removes temporary files of a path whose processes are gone."""
    prefix = path + _TEMPORARY
    for leftover in glob.glob(glob.escape(prefix) + "*"):
        process = leftover[len(prefix):]
        if process.isdecimal() and not os.path.exists("/proc/" + process):
            with contextlib.suppress(FileNotFoundError):  # another start was faster
                os.remove(leftover)


def write_json(path: str, value: object) -> None:
    """Writes a value as indented JSON; NaN is refused: write None for a number that does not exist.

    Raises:
      ValueError: a number is NaN or infinite.
    """
    with replacing(path) as temporary, open(temporary, "w") as file:
        json.dump(value, file, indent=2, sort_keys=True, allow_nan=False)
        file.write("\n")


def add_line(path: str, record: Dict[str, Any]) -> None:
    """Adds a value to a log of JSON lines, in one write that is on disk when this returns.

    A process that is killed meanwhile leaves at most the end of its own line.
    """
    text = json.dumps(record, sort_keys=True, allow_nan=False)
    with open(path, "a+b") as file:
        is_cut = False
        if file.tell():
            file.seek(-1, os.SEEK_END)
            is_cut = file.read(1) != b"\n"
        file.write(("\n" if is_cut else "").encode() + text.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: str) -> List[Dict[str, Any]]:
    """The values of a log of JSON lines, without lines that a kill has cut; none without a file."""
    if not os.path.exists(path):
        return []
    records = []
    with open(path) as file:
        for text in file:
            try:
                records.append(json.loads(text))
            except ValueError:  # the end of a line that a killed process began
                continue
    return records
