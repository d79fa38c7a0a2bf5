"""Files of rows, CSV or Parquet: both are read chunk by chunk into one array a column.

The rest of this room knows of a file its `path`, for messages, its `chunks`, and
`read(chunk, names, as_views)`, which gives common.formats.chunks.RawColumns. Another format is one
more file that does so, and one more line here.
"""

from typing import Optional, Sequence, Union

from common.config.schema import Schema
from common.errors import BadInput
from common.formats.chunks import Chunk
from common.formats.column_names import ColumnNames
from common.formats.csv_file import CsvFile, open_csv
from common.formats.parquet_file import ParquetFile, is_parquet, open_parquet
from common.formats.parquet_types import Layouts
from common.places import location

InputFile = Union[CsvFile, ParquetFile]


def open_file(path: str, schema: Schema, header: Optional[ColumnNames] = None) -> InputFile:
    """Opens a file that holds at least one row, and finds its chunks.

    The footer of a Parquet file has them; a text file takes one pass.

    Args:
      header: as open_part takes it.

    Raises:
      BadInput: the file is missing, empty or no Parquet file, or its columns are not the schema's.
    """
    file = open_part(path, schema, header=header)
    if not file.chunks:
        message = "{}: the file is empty. Expected rows of the {} columns of {}."
        num_columns = len(schema.columns)
        raise BadInput(message.format(path, num_columns, schema.name))
    return file


def open_part(
    path: str,
    schema: Schema,
    layouts: Optional[Layouts] = None,
    header: Optional[ColumnNames] = None,
    elsewhere: Sequence[str] = (),
) -> InputFile:
    """Opens one of several files, which may have no rows.

    Args:
      schema: the columns that the file has.
      layouts: of the data set's Parquet files, so that what they share is looked at and told once.
      header: finds the columns of text in its first line; None where text has no header.
      elsewhere: columns that the file need not have, as their values come from elsewhere.

    Raises:
      BadInput: as open_file does.
    """
    if not location.exists(path):
        raise BadInput("{}: {}.".format(path, location.missing(path)))
    if is_parquet(path):
        return open_parquet(path, schema, layouts, elsewhere)
    return open_csv(path, schema, header, elsewhere)


def first_chunk(file: InputFile) -> Optional[Chunk]:
    """The first chunk of a file, whose rows are not counted for it; None where it has none."""
    if isinstance(file, CsvFile):
        return file.first_chunk
    return next(iter(file.chunks), None)
