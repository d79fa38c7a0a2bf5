"""Folders that belong to a table format: their files are not all rows of the table.

Delta, Iceberg, Hudi and their like leave overwritten and deleted rows in files that their log no
longer names. Read as a plain folder, these rows come back.
"""

import concurrent.futures
import os
import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Union

from common.errors import BadInput
from common.log import log
from common.places import location
from common.places.asking import Denied

_LEVELS_ABOVE = 6


class _Format(NamedTuple):
    """A table format.

    Attributes:
      name: as its users call it.
      log: the folder below the table's that tells it.
      ending: what a file in that folder ends in; empty where the folder alone tells.
      live_files: how to list the files that hold the table's rows; {0} is the table's folder.
    """

    name: str
    log: str
    ending: str
    live_files: str


_SPARK = 'spark.read.format("{}").load("{{0}}").inputFiles()'
_FORMATS = (
    _Format("a Delta table", "_delta_log", "",
            'deltalake.DeltaTable("{0}").file_uris() in Python, or ' + _SPARK.format("delta")),
    _Format("an Iceberg table", "metadata", ".metadata.json",
            "SELECT file_path FROM TABLE.files WHERE content = 0 in SQL, or [task.file.file_path "
            "for task in table.scan().plan_files()] with PyIceberg"),
    _Format("a Hudi table", ".hoodie", "", _SPARK.format("hudi")),
    _Format("a Paimon table", "schema", "schema-0", "SELECT file_path FROM `TABLE$files` in SQL"),
    _Format("the output of a Spark stream", "_spark_metadata", "", _SPARK.format("parquet")),
)
_HIVE = _Format("a transactional Hive table", "", "",
                "SELECT DISTINCT INPUT__FILE__NAME FROM TABLE")
_HIVE_FOLDER = re.compile(r"(base|delta|delete_delta)_\d{7,}")
_LOGS = {table.log: table for table in _FORMATS}


def is_log(folder: str) -> bool:
    """Whether a folder may be the log of a table format, by its name."""
    return os.path.basename(folder) in _LOGS


def check(entry: str, root: str, below: Sequence[str], rows: Sequence[str]) -> None:
    """Checks that no file of a folder or glob belongs to a table format.

    Args:
      entry: the folder or glob, for messages.
      root: the folder, or the one before the first wildcard.
      below: all files below root, those of logs among them.
      rows: those of them that would be read.

    Raises:
      BadInput: one does; the message says how to list the live files of its table.
    """
    tables = _tables_below(below)
    folders = _folders_above(rows, root)
    for folder in sorted(folders):
        if folder in tables:
            raise _refusal(entry, folder, tables[folder])
        if _HIVE_FOLDER.match(os.path.basename(folder)):
            raise _refusal(entry, os.path.dirname(folder), _HIVE)
    _check_above(entry, location.real_paths([root])[0])


def _check_above(entry: str, root: str) -> None:
    """Raises BadInput where a folder is a part of a table, as far as the keys may see that."""
    folders: List[str] = []
    above = os.path.dirname(root)
    while above not in folders and not above.endswith(":") and len(folders) < _LEVELS_ABOVE:
        folders.append(above)
        above = os.path.dirname(above)
    # Of an object store each question takes some round trips.
    with concurrent.futures.ThreadPoolExecutor(_LEVELS_ABOVE) as threads:
        answers = list(threads.map(_table_or_denial, folders))
    for folder, answer in zip(folders, answers):
        if isinstance(answer, _Format):
            raise _refusal(entry, folder, answer)
    denials = [answer for answer in answers if answer]
    if denials:
        log("{}: whether a folder above is a table, as of Delta, cannot be seen, so all files "
            "below are taken for rows: {}".format(entry, denials[0]))


def _table_or_denial(folder: str) -> Union[_Format, Denied, None]:
    """The table at a folder, or why that cannot be seen."""
    try:
        return _table_at(folder)
    except Denied as denial:
        return denial


def _tables_below(paths: Sequence[str]) -> Dict[str, _Format]:
    """The folders of tables whose logs are among some files."""
    tables: Dict[str, _Format] = {}
    for path in paths:
        components = path.split("/")
        if components[-1].startswith(".hoodie_partition_metadata"):
            tables["/".join(components[:-1])] = _LOGS[".hoodie"]
        for position, component in enumerate(components[:-1]):
            table = _LOGS.get(component)
            if table and components[-1].endswith(table.ending):
                tables["/".join(components[:position])] = table
    return tables


def _folders_above(paths: Sequence[str], root: str) -> Set[str]:
    """The folders from root to some files."""
    folders: Set[str] = set()
    for parent in {os.path.dirname(path) for path in paths}:
        while len(parent) >= len(root) and parent not in folders:
            folders.add(parent)
            parent = os.path.dirname(parent)
    return folders


def _table_at(folder: str) -> Optional[_Format]:
    for table in _FORMATS:
        log = os.path.join(folder, table.log)
        if location.folder_exists(log) and _holds(log, table.ending):
            return table
    return None


def _holds(log: str, ending: str) -> bool:
    return not ending or any(path.endswith(ending) for path in location.files_below(log))


def _refusal(entry: str, folder: str, table: _Format) -> BadInput:
    message = (
        "{}: {} is {}, whose folder also keeps files of rows that were overwritten, deleted or "
        "written twice; they would be trained, too. Write the paths of its live files into a "
        "file, one a line, and name that: --train_files @FILE, or --eval_files. They are listed by "
        "{}. If deletes are kept beside the files (deletion vectors, delete files, log files), "
        "compact it first.")
    how = table.live_files.replace("{0}", folder)
    return BadInput(message.format(entry, folder or "/", table.name, how))
