"""Text whose fields may stand in quotes, written as Parquet: training reads no quotes.

A field in quotes may hold the delimiter, ends of lines, and a quote that stands twice, as RFC 4180
has it. Each column becomes one of texts, as they are, with leading zeros and the text NULL.
"""

import csv
import io
import itertools
from typing import IO, Any, Iterator, List

import pyarrow as pa
import pyarrow.parquet as pq

from common.counts import counted
from common.errors import BadInput
from common.files import replacing
from common.formats.text_bytes import TextBytes
from common.places import location
from data import row_texts

_BATCH_ROWS = 65536


def to_parquet(source: str, target: str, delimiter: str) -> int:
    """Writes the rows of a text with a header, compressed or not, as Parquet.

    Returns:
      the number of rows.

    Raises:
      BadInput: the text cannot be read, has a row of another number of fields or a quote without
        its end, names two columns alike, or has no rows; no target is written then.
    """
    num_rows = 0
    with _opened(source) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        rows = _rows(source, csv.reader(text, delimiter=delimiter, strict=True))
        names = [name.strip() for name in next(rows, [])]
        row_texts.check_header(source, names, delimiter)
        schema = pa.schema([pa.field(name, pa.string()) for name in names])
        with replacing(target) as path, pq.ParquetWriter(path, schema) as writer:
            for batch in iter(lambda: list(itertools.islice(rows, _BATCH_ROWS)), []):
                columns = [pa.array(values, pa.string()) for values in zip(*batch)]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                num_rows += len(batch)
            if not num_rows:
                raise BadInput("{}: has no rows.".format(source))
    return num_rows


def _opened(path: str) -> IO[bytes]:
    """The bytes of a text, unpacked, or fetched from an object store."""
    if not location.exists(path):
        raise BadInput("{}: {}.".format(path, location.missing(path)))
    file = TextBytes(path, location.opened_stamp(path)).local_file()
    if not file:
        return open(path, "rb")
    file.seek(0)
    return file


def _rows(path: str, reader: Any) -> Iterator[List[str]]:
    """The rows of a csv.reader without blank lines.

    Raises:
      BadInput: a row has not as many fields as the first one, or cannot be read.
    """
    width = 0
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except UnicodeDecodeError as error:
            raise BadInput("{}, line {} or one below: {!r} is not UTF-8. Write the file as UTF-8."
                           .format(path, line, error.object[error.start:error.end]))
        except csv.Error as error:
            raise BadInput("{}, line {}: {}. A field that begins with a quote ends with one, and "
                           "a quote within it is written twice.".format(path, line, error))
        if row is None:
            return
        width = width or len(row)
        if row and len(row) != width:
            raise BadInput("{}, line {}: expected {}, as the first line has, and not {}. Mend or "
                           "remove the row.".format(path, line, counted(width, "field"), len(row)))
        if row:
            yield row
