"""Values that are kept in the names of folders, as Hive does: `ds=2026-11-20/hour=07/part-0`."""

from typing import List, Optional, Sequence, Tuple
from urllib.parse import unquote

from common.errors import BadInput

Pair = Tuple[str, Optional[str]]  # a column and its value
Partition = Tuple[Pair, ...]

_MISSING = "__HIVE_DEFAULT_PARTITION__"


def of_path(path: str) -> Partition:
    """The columns and values that the folders of a path name; None is a missing value.

    Both are decoded: `%3A` is a colon.

    Raises:
      BadInput: two folders name the same column, or what is encoded is not UTF-8.
    """
    folders = path.split("/")[:-1]
    pairs = tuple(_pair(folder, path) for folder in folders if folder.find("=") > 0)
    columns = [column for column, _ in pairs]
    for column in columns:
        if columns.count(column) > 1:
            raise BadInput("{}: two folders of this path name column {!r}. Rename one.".format(
                path, column))
    return pairs


def _pair(folder: str, path: str) -> Pair:
    column, _, text = folder.partition("=")
    value = None if text == _MISSING else _decode(text, path)
    return _decode(column, path), value


def _decode(text: str, path: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadInput("{}: {!r} in the name of a folder is not UTF-8 when its %XX are decoded. "
                       "Rename the folder.".format(path, text)) from None


def folder_of(path: str, column: str) -> str:
    """The folder of a path that names a column."""
    folders = path.split("/")[:-1]
    names = [_decode(folder.partition("=")[0], path) for folder in folders]
    return "/".join(folders[:names.index(column) + 1])


def check_alike(paths: Sequence[str], partitions: List[Partition]) -> None:
    """Checks that the files of one folder or glob have the same columns in their folders' names.

    Raises:
      BadInput: they differ; the message names two files.
    """
    for path, partition in zip(paths, partitions):
        first, columns = _columns(partitions[0]), _columns(partition)
        if columns != first:
            message = ("{} lies in folders of {}, {} in folders of {}: rows of one folder are "
                       "divided alike. Move one of them, or name both parts on their own.")
            raise BadInput(message.format(
                paths[0], _told(first), path, _told(columns)))


def _columns(partition: Partition) -> List[str]:
    return [column for column, _ in partition]


def _told(columns: List[str]) -> str:
    if not columns:
        return "no column"
    return "/".join(column + "=..." for column in columns)
