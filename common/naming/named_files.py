"""What one name stands for: a file, the files of a folder, those that a glob matches, or a list."""

import os
from typing import Iterator, List, NamedTuple, Sequence, Tuple

from common.config.schema import Schema
from common.counts import counted
from common.errors import BadInput
from common.naming import globs, partitions, printed_names, row_files, table_formats
from common.naming.partitions import Partition
from common.places import addresses
from common.places import location


class NamedFile(NamedTuple):
    """A file of rows, not yet opened.

    Attributes:
      path: what location.open_binary takes.
      partition: the columns that its folders name, each with its text or None if it is missing.
    """

    path: str
    partition: Partition = ()


class _Line(NamedTuple):
    """A line of a list.

    Attributes:
      number: from 1.
      text: as it stands there.
      path: what it names.
    """

    number: int
    text: str
    path: str

    @property
    def is_folder(self) -> bool:
        """Whether it stands for a folder, as a slash at its end says."""
        return self.text.endswith("/")


def read(flag: str, entry: str, schema: Schema) -> List[NamedFile]:
    """The files that one name of a flag stands for: a file, a folder, a glob or @LIST.

    Raises:
      BadInput: nothing is there, or it is not rows alone.
    """
    if entry.startswith("@"):
        return _files_of_list(flag, entry, schema)
    path = addresses.check(printed_names.local(entry))
    if location.exists(path):
        return [_named(path)]
    if location.folder_exists(path):
        return _below(entry, _without_slashes(path), globs.EVERYTHING, schema)
    root, pattern = globs.split(path)
    if root.endswith(":/"):
        raise BadInput("{} {}: a bucket or host must be named without wildcards.".format(
            flag, entry))
    if pattern and location.folder_exists(root):
        return _below(entry, root, pattern, schema)
    raise BadInput(_missing_message(flag, entry, path))


def stands_for(entry: str, folder: str) -> bool:
    """Whether a name stands for all files of a folder, which need not be there.

    A list that cannot be read stands for none here; reading the rows tells of it.
    """
    if not entry.startswith("@"):
        return _holds(printed_names.local(entry), folder)
    try:
        listed = list(_listed("", entry))
    except BadInput:
        return False
    return any(line.is_folder and _holds(line.path, folder) for line in listed)


def _holds(path: str, folder: str) -> bool:
    """Whether the files of a folder are among those that a path or glob stands for."""
    if location.is_remote(path) != location.is_remote(folder):
        return False
    root, pattern = globs.split(path)
    below = location.names_below(folder, root)
    return below is not None and globs.matches(pattern or globs.EVERYTHING, [*below, "file"])


def _named(path: str) -> NamedFile:
    try:
        path.encode()
    except UnicodeEncodeError:  # os gives bytes that are not UTF-8 as lone surrogates
        raise BadInput("{!r}: the name is not UTF-8. Rename the file.".format(path)) from None
    return NamedFile(path, partitions.of_path(path))


def _without_slashes(folder: str) -> str:
    return folder.rstrip("/") or "/"


def _missing_message(flag: str, entry: str, path: str) -> str:
    if location.special_kind(path):
        return "{} {}: {}.".format(flag, entry, location.missing(path))
    hint = "A relative name is looked up below the working directory, {}.".format(os.getcwd())
    if globs.has_wildcards(entry):
        hint = "Before the first wildcard there must be a folder. " + hint
    if "{" in entry or "}" in entry:
        hint = "Braces are not expanded: list the names. " + hint
    return ("{} {}: no such file or folder. {} A name that holds a comma goes into a list: {} "
            "@FILE, one path a line.".format(flag, entry, hint, flag))


def _below(entry: str, root: str, pattern: Sequence[str], schema: Schema) -> List[NamedFile]:
    """The files of rows below a folder that a pattern matches."""
    below = len(root) if root.endswith("/") else len(root) + 1

    def enters(folder: str) -> bool:
        if table_formats.is_log(folder):
            return True
        return globs.may_hold(pattern, folder[below:].split("/"))

    try:
        paths = location.files_below(root, enters)
    except OSError as error:
        raise BadInput("{}: {}".format(entry, error)) from None
    matching = [path for path in paths if globs.matches(pattern, path[below:].split("/"))]
    table_formats.check(entry, root, paths, matching)
    if not matching and pattern is not globs.EVERYTHING:
        raise BadInput("{}: no file matches it. There is {} with {} below it.".format(
            entry, root, counted(len(paths), "file")))
    rows = row_files.choose(entry, matching, below, schema)
    files = [_named(path) for path in rows]
    partitions.check_alike(rows, [file.partition for file in files])
    return files


def _files_of_list(flag: str, entry: str, schema: Schema) -> List[NamedFile]:
    """The files of a list and of the folders in it."""
    files: List[NamedFile] = []
    for line in _listed(flag, entry):
        path = line.path
        if line.is_folder:
            files += _below(line.text, _without_slashes(path), globs.EVERYTHING, schema)
            continue
        # An object store is asked once a file when all are opened, many at a time.
        if not location.is_remote(path) and not location.exists(path):
            message = ("{}, line {}: {}: {}. Names in a list are taken as they stand, relative "
                       "ones below the list's own folder, folders with a / at the end.")
            raise BadInput(message.format(entry[1:], line.number, path, location.missing(path)))
        files.append(_named(path))
    if not files:
        raise BadInput("{} {}: the list is empty. Expected a path a line.".format(flag, entry))
    return files


def _listed(flag: str, entry: str) -> Iterator[_Line]:
    """The lines of a list.

    Names are taken as they stand, without wildcards; relative ones are below the list's folder.
    """
    list_path = addresses.check(printed_names.local(entry[1:]))
    numbered = _lines(flag, list_path)
    names = printed_names.in_list([text for _, text in numbered])
    for (number, text), name in zip(numbered, names):
        path = addresses.check(name)
        if not location.is_remote(path):
            path = os.path.join(os.path.dirname(list_path), path)
        yield _Line(number, text, path)


def _lines(flag: str, path: str) -> List[Tuple[int, str]]:
    """The lines of a list that are not blank, each with its number from 1."""
    try:
        with location.open_binary(path) as file:
            text = file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("{} @{}: the list cannot be read ({}). Expected a text file of one path a "
                       "line.".format(flag, path, error)) from None
    lines = text.replace("\r\n", "\n").split("\n")
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
