"""Which files of a folder hold rows, as far as their names tell.

Hidden files are left out before (common.naming.globs). Named one by one, any file is read.
"""

import os
import re
from typing import Dict, List, Sequence, Set

from common.config.schema import Schema
from common.counts import counted
from common.errors import BadInput
from common.naming import text_forms
from common.log import log

PARQUET = (".parquet", ".parq", ".pq")
_TEXT = (".csv", ".tsv", ".txt")
# Checksums, and what Hadoop puts in place of folders into object stores.
_BESIDE_ROWS = (".crc", ".md5", ".sha1", ".sha256", "_$folder$")
_OTHER = frozenset(
    ".json .jsonl .ndjson .xml .html .yaml .yml .toml .ini .cfg .md .rst .log .pdf .py .ipynb .sh "
    ".sql .pkl .npy .npz .pt .h5 .hdf5 .pb .tfrecord .tfrecords .orc .avro .arrow .feather .ipc "
    ".lance .vortex .xls .xlsx .db .sqlite .duckdb .tar .tgz .rar".split()
) | frozenset(text_forms.OTHER_ENDINGS)
_UNFINISHED = re.compile(
    r"(\._COPYING_|[._]te?mp\d*|\.inprogress(\.[\w-]+)*|\.partial|\.crdownload|\.filepart)$",
    re.IGNORECASE)


def is_named_parquet(path: str) -> bool:
    """Whether a name says Parquet."""
    return path.lower().endswith(PARQUET)


def choose(entry: str, paths: Sequence[str], below: int, schema: Schema) -> List[str]:
    """The files of rows among those of a folder or glob.

    Checksums are left out, and with a warning files and folders that are still being written.

    Args:
      entry: the folder or glob, for messages.
      below: how many characters of each path are the folder's own.

    Raises:
      BadInput: one is no file of rows, two are the same rows in two formats, or none is left.
    """
    finished = [path for path in paths if not _is_unfinished(path[below:])]
    rows = [path for path in finished if not path.lower().endswith(_BESIDE_ROWS)]
    for path in rows:
        _check_name(entry, path, schema)
    _check_twins(rows, below)
    num_unfinished = len(paths) - len(finished)
    if not rows:
        raise BadInput(
            "{}: no file of rows in it. Of {} none is whole and visible: hidden ones (. or "
            "_ at the start), checksums and unfinished ones are left out. Name files one by one to "
            "read them all the same.".format(entry, counted(len(paths), "file")))
    if num_unfinished:
        first = next(path for path in paths if _is_unfinished(path[below:]))
        log("warning: {}: left out {}, the first {}".format(
            entry, counted(num_unfinished, "unfinished file"), first))
    return rows


def _is_unfinished(path: str) -> bool:
    return any(_UNFINISHED.search(component) for component in path.split("/"))


def _check_name(entry: str, path: str, schema: Schema) -> None:
    name = os.path.basename(path)
    stem, ending = os.path.splitext(name)
    if ending.lower() in text_forms.ENDINGS:
        stem, ending = os.path.splitext(stem)
    is_vocabulary = ending in ("", ".txt", ".pkl") and stem in schema.vocabularies
    if ending.lower() in _OTHER or is_vocabulary:
        message = ("{}: {} in it is no file of rows of {}, by its name. Remove it, or name what "
                   "is: FOLDER/*.parquet, or the files one by one.")
        raise BadInput(message.format(entry, path, schema.name))


def _check_twins(paths: Sequence[str], below: int) -> None:
    """Raises BadInput where a folder holds the same rows in two formats, as files or folders."""
    by_stem: Dict[str, str] = {}
    for path in list(paths) + _folders(paths, below):
        stem = _stem(path)
        if stem in by_stem:
            message = ("{} and {} seem to be the same rows in two formats, so each would be read "
                       "twice. Remove one, or name one kind: FOLDER/*.parquet.")
            raise BadInput(message.format(by_stem[stem], path))
        by_stem[stem] = path


def _folders(paths: Sequence[str], below: int) -> List[str]:
    """The folders below the first `below` characters of some paths, sorted."""
    folders: Set[str] = set()
    for folder in {os.path.dirname(path) for path in paths}:
        while len(folder) > below and folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    return sorted(folders)


def _stem(path: str) -> str:
    """A path without what its format adds to the name."""
    stem, ending = os.path.splitext(path)
    if ending.lower() in (*PARQUET, *_TEXT, *text_forms.ENDINGS):
        return _stem(stem)
    return path
