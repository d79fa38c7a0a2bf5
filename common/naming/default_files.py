"""The two names of a data set below --data_location: each a file or a folder of part files."""

import os
from typing import List

from common.config.schema import Schema
from common.errors import BadInput
from common.naming import text_forms
from common.places import location

_COPYING_SECS = 600  # files that are copied together may differ by this much
_MAKE = ("no rows of {name}: {reason}.\n  Write synthetic rows: python {module} make --out "
         "{folder}\n  Or convert your own:  python {module} convert IN {target}\n  Or name files "
         "of rows: --train_files and --eval_files{near}")
_CONVERT = ("no rows of {name}: {reason}.\n  Convert the published files: python {module} convert "
            "SOURCE --out {folder}\n  Or name files of rows: --train_files and --eval_files{near}")
_MAKE_LOCALLY = ("no rows of {name}: {reason}.\n  Rows are written to a local folder, as with: "
                 "python {module} {command} --out data\n  Copy it there, or name files of rows: "
                 "--train_files and --eval_files")


def find_file(folder: str, name: str, schema: Schema, parquet: bool) -> str:
    """The path of the rows of that name: Parquet where it is wanted and there, else text.

    Each may be a folder of part files.

    Raises:
      BadInput: there is no name; neither is there; both are, and one of them is a folder; or the
        rows were written anew as text and the Parquet file is the old one.
    """
    if not name:
        message = ("schema {!r} names no files of rows. Name them: --train_files and --eval_files, "
                   "or train_file and test_file in the schema.")
        raise BadInput(message.format(schema.name))
    text_path = os.path.join(folder, name)
    parquet_path = text_path + ".parquet"
    has_text = _is_there(text_path)
    if parquet and _is_there(parquet_path):
        if has_text:
            _check_one_is_meant(parquet_path, text_path)
            _check_newer(parquet_path, text_path, schema)
        return parquet_path
    if has_text:
        return text_path
    candidates = [parquet_path, text_path] if parquet else [text_path]
    raise BadInput(_missing_message(folder, candidates, schema))


def _is_there(path: str) -> bool:
    return location.exists(path) or location.folder_exists(path)


def _check_one_is_meant(parquet_path: str, text_path: str) -> None:
    """Raises BadInput where one of two paths that are there is a folder."""
    for path, other in ((parquet_path, text_path), (text_path, parquet_path)):
        if location.folder_exists(path):
            message = ("{0} is a folder, and {1} is there, too: which of them holds the rows? "
                       "Remove the other, or name one by --train_files or --eval_files.")
            raise BadInput(message.format(path, other))


def _check_newer(parquet_path: str, text_path: str, schema: Schema) -> None:
    """Raises BadInput where the Parquet file holds older rows than the text file beside it."""
    text_secs = location.modified_secs(text_path)
    age = text_secs - location.modified_secs(parquet_path)
    if age > _COPYING_SECS:
        how = "Write it again"
        if schema.module and not schema.published:
            how = "Convert it again (python {} convert {} {})".format(
                schema.module, text_path, parquet_path)
        message = ("{0} is newer than {1}, which would be read in its place. {2}, remove {1}, or "
                   "choose --parquet_dataset false.")
        raise BadInput(message.format(text_path, parquet_path, how))


def _missing_message(folder: str, candidates: List[str], schema: Schema) -> str:
    reason = "there is no folder {}".format(folder)
    if location.folder_exists(folder):
        reason = " and ".join(path + " is missing" for path in candidates)
    message = ("no rows of {name}: {reason}. Name files of rows: --train_files and "
               "--eval_files{near}")
    if schema.module:
        message = _CONVERT if schema.published else _MAKE
    if schema.module and location.is_remote(folder):
        message = _MAKE_LOCALLY
    return message.format(
        name=schema.name,
        reason=reason,
        module=schema.module,
        command="convert SOURCE" if schema.published else "make",
        folder=folder,
        target=candidates[-1],
        near=_near(candidates[-1]),
    )


def _near(missing: str) -> str:
    """Names what may be meant by a missing name; empty where there is nothing like it."""
    if _is_there(missing + ".parquet"):
        return "; {}.parquet is there, which --tf and --parquet_dataset false do not read".format(
            missing)
    packed = [form + ending for ending in text_forms.ENDINGS for form in ("", ".csv")]
    for ending in (".csv", *packed):
        if _is_there(missing + ending):
            return "; {} is there".format(missing + ending)
    return ""
