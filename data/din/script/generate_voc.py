"""Lists the users, items and categories of training samples as uid_voc.pkl, mid_voc.pkl and cat_voc.pkl.

    python data/din/script/generate_voc.py local_train_splitByUser --out OUT

Each is a pickled dict name -> id: id 0 is the default, which all unknown names fall to, then by descending number of
occurrences (targets and histories of all lines), ties by name. Holds one count for each distinct name.
"""

import argparse
import collections
import os
import sys
from typing import Counter, Dict, List, Optional

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))
from common.errors import BadInput  # noqa: E402
from common.pipeline import vocabulary  # noqa: E402
from data.din.lines import DEFAULT_CATEGORY, SEPARATOR, describe, read_samples  # noqa: E402

DEFAULTS = {"uid_voc": "default_uid", "mid_voc": "default_mid", "cat_voc": DEFAULT_CATEGORY}


def count_names(path: str) -> Dict[str, Counter[bytes]]:
    """Returns how often each name occurs in samples, by vocabulary.

    Raises:
      BadInput: the file cannot be read.
    """
    counts: Dict[str, Counter[bytes]] = {name: collections.Counter() for name in DEFAULTS}
    for _, sample in read_samples(path):
        counts["uid_voc"][sample.user] += 1
        counts["mid_voc"].update([sample.item] + sample.items.split(SEPARATOR))
        counts["cat_voc"].update([sample.category] + sample.categories.split(SEPARATOR))
    return counts


def in_order(counts: Counter[bytes], default: str) -> List[str]:
    """Returns the names in the order of their ids; the default comes first, however often it occurs."""
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    return [default] + [name.decode("utf-8") for name in ordered if name != default.encode("utf-8")]


def make(train: str, out: str) -> List[str]:
    """Writes the three vocabularies of one file of samples; returns a line about each.

    Raises:
      BadInput: the file cannot be read; nothing is written then.
    """
    made = []
    for name, counts in count_names(train).items():
        names = in_order(counts, DEFAULTS[name])
        path = os.path.join(out, name + ".pkl")
        vocabulary.save_pkl(path, names)
        made.append(describe(path, len(names), "names"))
    return made


def main(argv: Optional[List[str]] = None) -> int:
    """Writes the three vocabularies of one file of samples."""
    parser = argparse.ArgumentParser(description="Writes the vocabularies of training samples.")
    parser.add_argument("train", help="the training file of split_by_user.py")
    parser.add_argument("--out", default=".", help="folder to write to (default: the current one)")
    args = parser.parse_args(argv)
    try:
        print("\n".join(make(args.train, args.out)))
    except (BadInput, OSError) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
