"""Lists the users, items and categories of training samples as vocabularies.

    python data/din/script/generate_voc.py local_train_splitByUser --out OUT
    python data/din/script/generate_voc.py rows/ds=2026-11-2[0-6]/*.csv --out OUT

writes uid_voc.pkl, mid_voc.pkl and cat_voc.pkl. Each is a pickled dict name -> id. Id 0 is the
default, for names that training does not have. The others follow by descending number of
occurrences (as targets and in histories, over all lines), ties by name. Memory holds one count for
each distinct name.
"""

import argparse
import collections
import itertools
import os
import pathlib
import sys
from typing import Counter, Dict, List, Optional, Sequence

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.config.flag_types import written_locally  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.pipeline import vocabulary  # noqa: E402
from data.din import steps  # noqa: E402
from data.din.samples import DEFAULT_CATEGORY, SEPARATOR, read_samples  # noqa: E402
from data.lines import describe  # noqa: E402

DEFAULTS = {
    "uid_voc": "default_uid",
    "mid_voc": "default_mid",
    "cat_voc": DEFAULT_CATEGORY,
}
Counts = Dict[str, Counter[bytes]]


def count_names(paths: Sequence[str]) -> Counts:
    """Counts how often each name occurs in all samples of some files, by vocabulary.

    Raises:
      BadInput: a file cannot be read.
    """
    users: Counter[bytes] = collections.Counter()
    items: Counter[bytes] = collections.Counter()
    categories: Counter[bytes] = collections.Counter()
    for _, sample in itertools.chain.from_iterable(map(read_samples, paths)):
        users[sample.user] += 1
        items[sample.item] += 1
        items.update(sample.items.split(SEPARATOR))
        categories[sample.category] += 1
        categories.update(sample.categories.split(SEPARATOR))
    return {
        "uid_voc": users,
        "mid_voc": items,
        "cat_voc": categories,
    }


def in_order(counts: Counter[bytes], default: str) -> List[str]:
    """The names in the order of their ids; the default comes first, however often it occurs."""
    others = set(counts) - {default.encode("utf-8")}
    ordered = sorted(others, key=lambda name: (-counts[name], name))
    names = [name.decode("utf-8") for name in ordered]
    return [default] + names


def make(paths: Sequence[str], out: str) -> List[str]:
    """Writes the three vocabularies of files of samples; returns a line about each.

    Raises:
      BadInput: a file cannot be read, or is named twice; nothing is written then.
    """
    real_paths = [os.path.realpath(path) for path in paths]
    for position, path in enumerate(paths):
        if real_paths[position] in real_paths[:position]:
            raise BadInput("{} is named twice: its names would count double.".format(path))
    lines = []
    for name, counts in count_names(paths).items():
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
        help="the training file of split_by_user.py, or all part files of own rows: text, plain or "
             "compressed")
    parser.add_argument("--out", type=written_locally, default=".",
                        help="folder to write to (default: the current one)")
    args = parser.parse_args(argv)
    return steps.run(parser, lambda: make(args.train, args.out))


if __name__ == "__main__":
    sys.exit(main())
