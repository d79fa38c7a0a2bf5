"""Files of rows, CSV or Parquet: both are read chunk by chunk into one array a column.

The arrays are those of common.pipeline.chunks.RawColumns.
"""

import os
from typing import Union

from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline.csv_file import CsvFile, open_csv
from common.pipeline.parquet_file import ParquetFile, open_parquet

InputFile = Union[CsvFile, ParquetFile]


def open_file(path: str, schema: Schema) -> InputFile:
    """Opens a file and finds its chunks: from the footer of a Parquet file, in one buffered pass over a CSV file.

    Raises:
      BadInput: the file is missing, empty or no Parquet file, or its columns are not the schema's.
    """
    if not os.path.isfile(path):
        raise BadInput("{}: no such file.".format(path))
    file: InputFile = open_parquet(path, schema) if path.endswith(".parquet") else open_csv(path, schema)
    if not file.chunks:
        raise BadInput("{}: the file is empty. Expected rows of the {} columns of {}.".format(
            path, len(schema.columns), schema.name))
    return file


def num_rows(file: InputFile) -> int:
    """Rows of a file, readable or not."""
    return sum(chunk.num_rows for chunk in file.chunks)
