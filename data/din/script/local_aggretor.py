"""Makes samples: two lines a user, which ask whether the last review follows from the earlier ones.

    python data/din/script/local_aggretor.py reviews-info item-info samples

data/din/next_item.py says what the two lines are. Equal reviews count once. A user's reviews are
sorted by time; the order of those of equal time is drawn, or with --ties file that of the file.
Users whose history would be empty give no sample. All of that is counted on stderr.

Memory: reviews are first divided by user into files on disk. Then memory holds the rows of one of
them, and name, category and number of reviews of each item as Arrow and NumPy arrays.
"""

import argparse
import os
import pathlib
import sys
import tempfile
from typing import IO, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np
from numpy.random import default_rng

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.config.flag_types import written_locally  # noqa: E402
from common.counts import counted  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data.din import buckets, next_item, rows, steps  # noqa: E402
from data.din.reviews import Items, make_items, sort_reviews  # noqa: E402
from data.din.tables import ITEMS, REVIEWS, read_tables  # noqa: E402
from data.lines import describe  # noqa: E402

_MIN_CATEGORIES = 0.5
_HINT = " Both files of 2023 know an item by parent_asin."


class Settings(NamedTuple):
    """How samples are made.

    Attributes:
      seed: of the negatives and of the order of reviews of equal time.
      draws_ties: whether that order is drawn; else it is the file's.
      min_categories: the smallest share of the items that must have a category.
      num_buckets: into how many files reviews are divided.
    """

    seed: int = 2021
    draws_ties: bool = True
    min_categories: float = _MIN_CATEGORIES
    num_buckets: int = buckets.NUM_BUCKETS


class Report(NamedTuple):
    """What was made: lines of samples, users in all, and reviews that were left out.

    num_alone positive targets are reviewed by nobody else.
    """

    num_lines: int
    num_users: int
    num_equal: int
    num_repeats: int
    num_alone: int
    items: Items

    def lines(self) -> Iterator[str]:
        """The counts in words."""
        yield "{} left out: equal to another in user, item, rating and time".format(
            counted(self.num_equal, "review"))
        yield "{} left out of histories: before the last one of the target item".format(
            counted(self.num_repeats, "review"))
        num_positives = self.num_lines // 2
        num_without = self.num_users - num_positives
        yield "{} of {} users left out: no review of another item before the last".format(
            num_without, self.num_users)
        alone = "{} of {} positive targets are reviewed by nobody else, as negative ones never are"
        yield alone.format(self.num_alone, num_positives)
        yield self.items.describe()


def aggregate(
        reviews_info: str,
        item_info: str,
        target: str,
        settings: Settings = Settings(),
) -> Report:
    """Writes the samples of all users; until the end, buckets are in a folder beside target.

    Raises:
      BadInput: an input cannot be read, most items have no category, no user has two reviews, or
        one reviewed all items; nothing is written then.
    """
    parent, name = os.path.split(target)
    parent = parent or os.curdir
    with tempfile.TemporaryDirectory(prefix=name + ".", dir=parent) as folder:
        reviews = read_tables(reviews_info, REVIEWS)
        paths = buckets.partition(reviews, folder, settings.num_buckets)
        num_equal = sum(map(buckets.drop_equal, paths))
        items = make_items(paths, read_tables(item_info, ITEMS))
        items.check_categories(item_info, settings.min_categories, _HINT)
        with replacing(target) as temporary, open(temporary, "wb") as file:
            report = _write_samples(file, paths, items, settings)
            if not report.num_lines:
                raise BadInput("{}: no user has reviews of two items. Give more reviews."
                               .format(reviews_info))
    return report._replace(num_equal=num_equal)


def _write_samples(
        file: IO[bytes],
        paths: Sequence[str],
        items: Items,
        settings: Settings,
) -> Report:
    num_lines = num_users = num_repeats = num_alone = 0
    num_reviews = np.diff(items.cumulative, prepend=0)
    for number, path in enumerate(paths):
        rng = default_rng([settings.seed, number])
        of_ties = default_rng([settings.seed, number, 1]) if settings.draws_ties else None
        reviews = sort_reviews(buckets.read(path), items.names, of_ties)
        made, repeats = next_item.make_rows(reviews, items.cumulative, rng)
        lines = rows.to_lines(made, reviews.users, items)
        file.writelines(lines.to_pylist())
        num_lines += len(lines)
        num_users += len(reviews.users)
        num_repeats += repeats
        positives = made.targets[1::2]
        num_alone += int((num_reviews[positives] == 1).sum())
    return Report(num_lines, num_users, 0, num_repeats, num_alone, items)


def main(argv: Optional[List[str]] = None) -> int:
    """Makes one file of samples; returns the exit status."""
    description = "Makes a positive and a negative sample for each user."
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("reviews", help="reviews-info of process_data.py")
    parser.add_argument("items", help="item-info of process_data.py")
    parser.add_argument("samples", type=written_locally, help="the file to write")
    steps.add_seed(parser, "the negatives and of the order of reviews of equal time")
    ties_help = ("order of a user's reviews of equal time: drawn, or that of the file, which shows "
                 "the target where the file is sorted by item (default drawn)")
    parser.add_argument("--ties", choices=("drawn", "file"), default="drawn", help=ties_help)
    share_help = "smallest share of the items that must have a category (default {})"
    parser.add_argument("--min_categories", type=float, default=_MIN_CATEGORIES,
                        help=share_help.format(_MIN_CATEGORIES))
    args = parser.parse_args(argv)
    steps.check_not_negative(parser, "--seed", args.seed)
    if not 0 <= args.min_categories <= 1:
        parser.error("--min_categories must be from 0 to 1. Got: {}.".format(args.min_categories))
    return steps.run(parser, lambda: _write(args, parser.prog))


def _write(args: argparse.Namespace, prog: str) -> Iterator[str]:
    settings = Settings(args.seed, args.ties == "drawn", args.min_categories)
    report = aggregate(args.reviews, args.items, args.samples, settings)
    for line in report.lines():
        print("{}: {}".format(prog, line), file=sys.stderr)
    yield describe(args.samples, report.num_lines, "lines")


if __name__ == "__main__":
    sys.exit(main())
