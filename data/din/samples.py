"""The samples that the steps of the preparation hand on, one a line."""

import os
from typing import Iterator, NamedTuple, Tuple

from common.errors import BadInput
from data.lines import is_parquet, is_utf8, read_lines

SEPARATOR = b"\x02"
DEFAULT_CATEGORY = "default_cat"


class Sample(NamedTuple):
    """One line of samples; items and categories are the history, by SEPARATOR, oldest first."""

    label: bytes
    user: bytes
    item: bytes
    category: bytes
    items: bytes
    categories: bytes


def read_samples(path: str) -> Iterator[Tuple[int, Sample]]:
    """Yields each line's number from 1 and its sample.

    Raises:
      BadInput: the file cannot be read, or a line is no sample.
    """
    if os.path.isfile(path) and is_parquet(path):
        raise BadInput("{}: the file is Parquet, expected text. Convert it: python data/amazon.py "
                       "convert {} TEXT".format(path, path))
    for number, line in read_lines(path):
        expected = _unmet_expectation(line)
        if expected:
            given = line[:80].decode("utf-8", "backslashreplace")
            raise BadInput("{}, line {}: {!r} is given, expected {}. Write the samples again with "
                           "local_aggretor.py.".format(path, number, given, expected))
        yield number, Sample(*line.split(b"\t"))


def _unmet_expectation(line: bytes) -> str:
    """What was expected of a line but is not so; empty if it is a sample."""
    fields = line.split(b"\t")
    if len(fields) != 6:
        return "6 columns, not {}".format(len(fields))
    sample = Sample(*fields)
    if sample.label not in (b"0", b"1"):
        return "a label of 0 or 1"
    if _has_empty_name(sample):
        return "no empty name"
    if b"\r" in line or SEPARATOR in sample.user + sample.item + sample.category:
        return "no byte 0x0d, and 0x02 in the histories alone"
    if sample.items.count(SEPARATOR) != sample.categories.count(SEPARATOR):
        return "as many categories as items in the history"
    return "" if is_utf8(line) else "UTF-8"


def _has_empty_name(sample: Sample) -> bool:
    for field in sample[1:]:
        names = field.split(SEPARATOR)
        if not all(names):
            return True
    return False
