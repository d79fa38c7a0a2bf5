"""A first schema for rows of one's own, guessed from a CSV with a header or a Parquet file."""

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import BadInput, in_one_line

ROWS = 200000
_SEPARATORS = ("|", ";", "\x02", "\x01", " ")
_LISTS = 0.2  # the share of values that hold a separator where a column is one of lists
_FEW = 50  # different whole numbers that are codes rather than amounts
_MISSING = ("?", "NULL", "null", "NA", "N/A", "NaN", "nan", "None", "\\N")
_USER = re.compile(r"user|visitor|member|customer|client|person", re.IGNORECASE)
_ID = re.compile(r"(^|_| )(id|code|no|nr|key|zip)$|[a-z]I[dD]$", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d.*)?|\d\d?/\d\d?/\d{4}.*")
_WHOLE = re.compile(r"-?\d+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
Column = Dict[str, Any]


class Guess(NamedTuple):
    """A schema as JSON, and what a person should look at."""

    schema: Dict[str, Any]
    doubts: List[str]


def read_rows(path: str, delimiter: str, limit: int) -> pd.DataFrame:
    """The first rows of a file, each value as text and '' where there is none.

    Raises:
      BadInput: the file cannot be read, has no rows, or names two columns alike.
    """
    try:
        if path.endswith(".parquet"):
            frame = _read_parquet(path, limit)
        else:
            frame = pd.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False, nrows=limit)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BadInput("{}: cannot be read: {}.".format(path, in_one_line(error)))
    if not len(frame):
        raise BadInput("{}: has no rows.".format(path))
    return frame


def _read_parquet(path: str, limit: int) -> pd.DataFrame:
    batches = pq.ParquetFile(path).iter_batches(min(limit, 65536))
    parts, count = [], 0
    for batch in batches:
        parts.append(batch)
        count += batch.num_rows
        if count >= limit:
            break
    columns = {}
    table = pa.Table.from_batches(parts) if parts else pa.table({})
    for name in table.column_names:
        columns[name] = [_text(value) for value in table[name].to_pylist()[:limit]]
    return pd.DataFrame(columns, dtype=str)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(map(_text, value))
    if isinstance(value, bool):
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def guess(frame: pd.DataFrame, delimiter: str = ",") -> Guess:
    """A schema of rows with these columns, each value as text."""
    doubts: List[str] = []
    missing = [text for text in _MISSING if (frame == text).any(axis=None)]
    if missing:
        doubts.append("missing: {} are taken for empty values".format(
            ", ".join(map(repr, missing))))
        frame = frame.replace(missing, "")
    columns = [_guess_column(name, frame[name], doubts) for name in frame.columns]
    schema: Dict[str, Any] = {"header": True, "user": _guess_user(columns, doubts)}
    if delimiter != ",":
        schema["delimiter"] = delimiter
    if missing:
        schema["missing"] = missing
    if not any(column["kind"] == "label" for column in columns):
        doubts.append("no column holds 0 and 1 alone, so there is no label: give one the kind "
                      "'label'")
    return Guess(dict(schema, columns=columns), doubts)


def _guess_user(columns: List[Column], doubts: List[str]) -> Optional[str]:
    users = [column["name"] for column in columns
             if column["kind"] == "hash" and "separator" not in column
             and _USER.search(column["name"])]
    if not users:
        doubts.append("no column looks like the user, so rows count as independent: name one as "
                      "\"user\" if there is one")
        return None
    if len(users) > 1:
        doubts.append("user: {} is taken; {} may be meant".format(users[0], ", ".join(users[1:])))
    return users[0]


def _guess_column(name: str, values: pd.Series, doubts: List[str]) -> Column:
    column: Column = {"name": re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip("_.-") or "column"}
    if column["name"] != name:
        column["other_names"] = [name]
    column.update(_guess_kind(name, values[values != ""], doubts))
    if column["kind"] == "unused":
        column["name"] = name
        column.pop("other_names", None)
    return column


def _guess_kind(name: str, filled: pd.Series, doubts: List[str]) -> Column:
    """Kind and what belongs to it, by the values that are there."""
    distinct = filled.unique()
    if len(distinct) < 2:
        doubts.append("{}: has one value or none, and is left out".format(name))
        return {"kind": "unused"}
    if set(distinct) == {"0", "1"}:
        doubts.append("{}: holds 0 and 1 alone: is it a label, or a feature (hash, buckets 10)?"
                      .format(name))
        return {"kind": "label"}
    if all(_DATE.fullmatch(value) for value in distinct[:1000]):
        doubts.append("{}: looks like a time, and is left out: what of it matters?".format(name))
        return {"kind": "unused"}
    if _are_amounts(name, distinct):
        return {"kind": "number"}
    return _guess_text(name, filled, distinct, doubts)


def _guess_text(name: str, filled: pd.Series, distinct: Any, doubts: List[str]) -> Column:
    """Kind of a column of text, or of codes, and what belongs to it."""
    separator = _separator(filled)
    if separator:
        items = {item for value in filled for item in value.split(separator)}
        doubts.append("{}: is taken as lists divided by {!r}".format(name, separator))
        return {"kind": "hash", "buckets": _buckets(len(items)), "separator": separator}
    if len(distinct) == len(filled) > 20 and not _USER.search(name):
        doubts.append("{}: each row has a value of its own, which teaches nothing of other rows: "
                      "it is left out".format(name))
        return {"kind": "unused"}
    return {"kind": "hash", "buckets": _buckets(len(distinct))}


def _are_amounts(name: str, distinct: Any) -> bool:
    """Whether values are numbers whose size matters, rather than codes."""
    if not all(_NUMBER.fullmatch(value) for value in distinct):
        return False
    if not all(_WHOLE.fullmatch(value) for value in distinct):
        return True
    return len(distinct) > _FEW and not _ID.search(name) and not _USER.search(name)


def _separator(filled: pd.Series) -> str:
    for separator in _SEPARATORS:
        if filled.str.contains(separator, regex=False).mean() > _LISTS:
            return separator
    return ""


def _buckets(distinct: int) -> int:
    """At least four buckets a value, so that few share one: 1, 2 or 5 times a power of ten."""
    size = 10
    while True:
        for factor in (1, 2, 5):
            if factor * size >= 4 * distinct:
                return factor * size
        size *= 10


def write(path: str, schema: Dict[str, Any]) -> None:
    """A schema as a person edits it: a column a line."""
    lines = ["    " + json.dumps(column, ensure_ascii=False) for column in schema["columns"]]
    fields = ["  {}: {}".format(json.dumps(key), json.dumps(schema[key]))
              for key in schema if key != "columns"]
    fields.append('  "columns": [\n{}\n  ]'.format(",\n".join(lines)))
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(fields) + "\n}\n")
