"""Which files are read: --train_files, --eval_files, or the names below --data_location.

No file is opened but the lists that `@LIST` names.
"""

import argparse
from typing import Dict, List, Optional, Sequence, Union

from common.config.flag_types import FILES, FlagParser, names_in
from common.config.schema import Schema
from common.counts import counted
from common.errors import BadInput
from common.log import log
from common.naming import default_files, named_files, row_files
from common.naming.named_files import NamedFile
from common.places import location

_TRAIN, _EVAL, _SCORE = "--train_files", "--eval_files", "--files"
_NAMES_HELP = ("a comma-separated list of files, folders, globs, URIs and @LIST, a file of paths, "
               "one a line")


class _NameList(argparse.Action):
    """Takes names divided by commas; also as the words of `rows/*.parquet` that a shell expands."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: Union[str, Sequence[str], None], option: Optional[str] = None) -> None:
        text = ",".join(values or ())
        if not all(name.strip() for name in text.split(",")):
            raise argparse.ArgumentError(self, (
                "expected names divided by commas, none of them empty. Got: {!r}.".format(text)))
        setattr(namespace, self.dest, text)


def add_flags(parser: FlagParser) -> None:
    """Adds the flags that name files."""
    group = parser.group(FILES)
    for flag, rows in ((_TRAIN, "train on"), (_EVAL, "evaluate on")):
        group.add_argument(
            flag, action=_NameList, nargs="+", default="", metavar="NAME,...",
            help="rows to {}: {} (default: the file or folder of the data set's name below "
                 "--data_location)".format(rows, _NAMES_HELP))


def add_score_flag(group: argparse._ArgumentGroup, default: str = "") -> None:
    """Adds the flag that names the files to score.

    Args:
      default: says which are scored without it; empty where it must be given.
    """
    said = " (default: {})".format(default) if default else ""
    group.add_argument(
        _SCORE, action=_NameList, nargs="+", required=not default, default="", metavar="NAME,...",
        help="rows to score, text or Parquet: {}{}".format(_NAMES_HELP, said))


def add_eval_flag(group: argparse._ArgumentGroup) -> None:
    """Adds the flag that names the files to evaluate a trained run on."""
    group.add_argument(
        _EVAL, action=_NameList, nargs="+", default="", metavar="NAME,...",
        help="rows to evaluate on: {} (default: those of the run)".format(_NAMES_HELP))


def to_train_on(names: str, folder: str, schema: Schema, parquet: bool) -> List[NamedFile]:
    """The files to train on, in the order in which they are read.

    That is as listed, and within a folder or glob sorted by path.

    Args:
      names: the value of --train_files; empty for the name below folder.
      folder: --data_location.
      schema: the data set, which has these names.
      parquet: whether Parquet may be read.

    Raises:
      BadInput: something is missing, named twice, no file of rows, or of a table format.
    """
    return _files_of(_TRAIN, names, folder, schema.train_file, schema, parquet)


def to_evaluate_on(names: str, folder: str, schema: Schema, parquet: bool) -> List[NamedFile]:
    """The files to evaluate on, as to_train_on gives the others."""
    return _files_of(_EVAL, names, folder, schema.test_file, schema, parquet)


def to_score(names: str, schema: Schema) -> List[NamedFile]:
    """The files to score, which --files names, as to_train_on gives the others."""
    return listed(_SCORE, names_in(names), schema, parquet=True)


def _files_of(flag: str, names: str, folder: str, default: str, schema: Schema,
              parquet: bool) -> List[NamedFile]:
    entries = names_in(names) or [default_files.find_file(folder, default, schema, parquet)]
    return listed(flag, entries, schema, parquet)


def listed(flag: str, entries: Sequence[str], schema: Schema, parquet: bool) -> List[NamedFile]:
    """The files that several names stand for, in their order.

    Args:
      flag: what the names were given to, for messages.

    Raises:
      BadInput: as to_train_on does.
    """
    files: List[NamedFile] = []
    entry_of: Dict[str, str] = {}
    for entry in entries:
        of_entry = named_files.read(flag, entry, schema)
        _check_new([file.path for file in of_entry], entry, entry_of)
        files += of_entry
    if not parquet:
        _check_text(files)
    return files


def entry_that_reads(names: str, folder: str) -> str:
    """The name that stands for all files of a folder, which need not be there; empty without one.

    Args:
      names: the value of --train_files or --eval_files.
    """
    entries = names_in(names)
    return next((entry for entry in entries if named_files.stands_for(entry, folder)), "")


def _check_new(paths: List[str], entry: str, entry_of: Dict[str, str]) -> None:
    """Raises BadInput where a file was named before; entry_of maps real paths to what named it."""
    for path, real in zip(paths, location.real_paths(paths)):
        if real in entry_of:
            message = ("{} is named twice, by {} and by {}, so that its rows would count double. "
                       "Leave out one.")
            raise BadInput(message.format(path, entry_of[real], entry))
        entry_of[real] = entry


def _check_text(files: Sequence[NamedFile]) -> None:
    for file in files:
        if row_files.is_named_parquet(file.path):
            raise parquet_error(file.path)


def parquet_error(path: str) -> BadInput:
    """The error of a Parquet file where text alone is read."""
    return BadInput("{} is Parquet, which --tf and --parquet_dataset false do not read. Name text, "
                    "or drop the flag.".format(path))


def warn_of_shared(train: Sequence[NamedFile], test: Sequence[NamedFile]) -> None:
    """Warns of files that are both trained on and evaluated on: their metrics would say little."""
    real_train = set(location.real_paths([file.path for file in train]))
    real_test = location.real_paths([file.path for file in test])
    shared = [file.path for file, real in zip(test, real_test) if real in real_train]
    if shared:
        log("warning: training reads {} of {}, too, the first {}: metrics on seen rows say "
            "little about new ones".format(
                len(shared), counted(len(test), "evaluation file"), shared[0]))
