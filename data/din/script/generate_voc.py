"""Lists the users, items and categories of training samples as vocabularies.

    python data/din/script/generate_voc.py local_train_splitByUser --out OUT
    python data/din/script/generate_voc.py rows/ds=2026-11-2[0-6] @more.txt --out OUT

takes what --train_files takes: files, folders, globs and lists, of text or Parquet. It writes
uid_voc.pkl, mid_voc.pkl and cat_voc.pkl. Each is a pickled dict name -> id. Id 0 is the default,
for names that training does not have. The others follow by descending number of occurrences (as
targets and in histories, over all rows), ties by name. Memory holds one count for each distinct
name.
"""

import argparse
import collections
import os
import pathlib
import sys
from typing import Counter, Dict, List, Optional, Sequence

import numpy as np
import pyarrow.compute as pc

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.config.flag_types import written_locally  # noqa: E402
from common.config.schema import Column, Schema  # noqa: E402
from common.formats.column_names import ColumnNames  # noqa: E402
from common.formats.files import Files  # noqa: E402
from common.naming import file_names  # noqa: E402
from common.pipeline import labels, vocabulary  # noqa: E402
from common.pipeline.checks import BadRows  # noqa: E402
from common.pipeline.column_decoder import ColumnDecoder  # noqa: E402
from data.din import steps  # noqa: E402
from data.din.columns import columns  # noqa: E402
from data.din.samples import DEFAULT_CATEGORY, SEPARATOR  # noqa: E402
from data.lines import describe  # noqa: E402

DEFAULTS = {
    "uid_voc": "default_uid",
    "mid_voc": "default_mid",
    "cat_voc": DEFAULT_CATEGORY,
}
SCHEMA = Schema(
    name="samples",
    columns=columns(*DEFAULTS),
    train_file="",
    test_file="",
    user_column="user",
    module="",
    delimiter="\t",
    parquet_lists=True,
)
Counts = Dict[str, Counter[bytes]]


def count_names(names: Sequence[str], csv_header: bool = False) -> Counts:
    """Counts how often each name occurs in all samples of some files, by vocabulary.

    Args:
      names: of files, folders, globs and lists.
      csv_header: whether the first line of each text file names its columns.

    Raises:
      BadInput: a file cannot be read or is named twice, or a row is none that training would take.
    """
    named = file_names.listed("train", names, SCHEMA, parquet=True)
    files = Files(named, SCHEMA, header=ColumnNames(SCHEMA) if csv_header else None)
    files.first_chunk()  # raises where there is none
    bad_rows = BadRows(0, skippable=False)
    words = [column for column in SCHEMA.columns if column.vocabulary]
    counts: Counts = {name: collections.Counter() for name in DEFAULTS}
    for number in files.in_order(range(len(files.paths))):
        for chunk in files.chunks_of(number):
            rows = files.read(chunk, [column.name for column in SCHEMA.columns])
            decoder = ColumnDecoder(rows)
            labels.read(decoder, SCHEMA)  # for its checks
            for column in words:
                counts[column.vocabulary].update(_counted(decoder, column))
            decoder.check_aligned(SCHEMA)
            bad_rows.add(files.paths, decoder.rejects)
    for counter in counts.values():
        del counter[b""]  # stands for no name
    return counts


def _counted(decoder: ColumnDecoder, column: Column) -> Dict[bytes, int]:
    """How often each name occurs in a column of a chunk."""
    column = column._replace(default="")
    if column.is_list:
        items = decoder.lists(column)
        names, counts = items.names, items.occurrences()
    else:
        names, index = decoder.strings(column)
        counts = np.bincount(index, minlength=len(names))
        is_bad = pc.match_substring(names, SEPARATOR).to_numpy(zero_copy_only=False)
        decoder.reject(is_bad[index], column, "no byte 02 but in histories")
    return dict(zip(names.to_pylist(), counts.tolist()))


def in_order(counts: Counter[bytes], default: str) -> List[str]:
    """The names in the order of their ids; the default comes first, however often it occurs."""
    others = set(counts) - {default.encode("utf-8")}
    ordered = sorted(others, key=lambda name: (-counts[name], name))
    names = [name.decode("utf-8") for name in ordered]
    return [default] + names


def make(train: Sequence[str], out: str, csv_header: bool = False) -> List[str]:
    """Writes the three vocabularies of files of samples; returns a line about each.

    Args:
      train, csv_header: as count_names takes them.

    Raises:
      BadInput: as count_names; nothing is written then.
    """
    lines = []
    for name, counts in count_names(train, csv_header).items():
        names = in_order(counts, DEFAULTS[name])
        path = os.path.join(out, name + ".pkl")
        vocabulary.save_pkl(path, names)
        line = describe(path, len(names), "names")
        lines.append(line)
    return lines


def main(argv: Optional[List[str]] = None) -> int:
    """Writes the vocabularies of files of samples; returns the exit status."""
    description = "Writes the vocabularies of training samples."
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "train", nargs="+",
        help="the training rows, as --train_files names them: files, folders, globs and @LIST, of "
             "text or Parquet")
    parser.add_argument("--csv_header", action="store_true",
                        help="the first line of each text file names its columns, in any order")
    parser.add_argument("--out", type=written_locally, default=".",
                        help="folder to write to (default: the current one)")
    args = parser.parse_args(argv)
    return steps.run(parser, lambda: make(args.train, args.out, args.csv_header))


if __name__ == "__main__":
    sys.exit(main())
