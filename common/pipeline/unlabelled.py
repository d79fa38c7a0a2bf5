"""Rows whose labels are not known, as rows that are scored: training rows without targets."""

from typing import Optional, Sequence

from common.config.schema import Column, Schema
from common.formats import csv_layout, folder_columns, reader
from common.formats.text_bytes import TextBytes
from common.naming import file_names
from common.naming.named_files import NamedFile
from common.pipeline import source
from common.pipeline.source import Data
from common.places import location

_TARGETS = ("label", "weight")


def open_to_score(
    names: str,
    folder: str,
    schema: Schema,
    max_bad_rows: int,
    csv_header: bool,
    strict_columns: bool,
) -> Data:
    """Opens rows that may lack labels, weights and what names their user alone.

    Args:
      names: the value of --files.
      folder, csv_header, strict_columns: as source.open_data takes them.
      schema: of the rows that a model was trained on.
      max_bad_rows: how many unreadable rows may be left out; they are met as the rows are read.

    Raises:
      BadInput: as source.open_data does.
    """
    named = file_names.to_score(names, schema)
    unlabelled = without_targets(schema)
    if not csv_header and _lacks_targets(named, schema):
        inputs = [column for column in schema.columns if column.kind not in _TARGETS]
        unlabelled = without_targets(schema._replace(columns=tuple(inputs)))
    data = source.open_rows(
        named, [], folder, unlabelled, max_bad_rows, csv_header, strict_columns)
    source.check_rows(data.train, data)
    return data


def without_targets(schema: Schema) -> Schema:
    """The same columns, of which labels, weights and users that are no feature need not be there.
    """
    columns = [_without_target(column) for column in schema.columns]
    return schema._replace(columns=tuple(columns), user_column="")


def _without_target(column: Column) -> Column:
    if column.kind in (*_TARGETS, "user"):
        return column._replace(kind="unused")
    return column


def _lacks_targets(named: Sequence[NamedFile], schema: Schema) -> bool:
    """Whether text without a header has as many fields a line as there are columns but targets.

    The first line that there is tells for all; lines of another number of fields cannot be read.
    """
    for file in named:
        if reader.is_parquet(file.path):
            continue
        width = _width(file, schema)
        if width is not None:
            in_folders = folder_columns.used(file.partition, schema)
            own = [column for column in schema.columns if column.name not in in_folders]
            inputs = [column for column in own if column.kind not in _TARGETS]
            return width == len(inputs) < len(own)
    return False


def _width(file: NamedFile, schema: Schema) -> Optional[int]:
    """How many fields the first line of a file has; None where it is empty."""
    text = TextBytes(file.path, location.opened_stamp(file.path))
    return csv_layout.width(text, schema)
