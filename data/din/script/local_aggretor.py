"""Makes samples: two lines a user, which ask whether the last review follows from the earlier ones.

    python data/din/script/local_aggretor.py reviews-info item-info samples

A user's reviews are sorted by time; reviews of equal time stay in the file's order. The last one is
the target of the line with label 1. The line with label 0 precedes it; its target is the item of a
random review, drawn again until the user has not reviewed it. Both lines have all earlier reviews
as their history. Users with one review give no sample.

Memory: reviews are first divided by user into NUM_BUCKETS files on disk. Then memory holds the rows
of one of them, and name, category and number of reviews of each item as Arrow and NumPy arrays.
"""

import argparse
import contextlib
import os
import pathlib
import sys
import tempfile
import zlib
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator, default_rng

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.config.flag_types import written_locally  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data import ragged  # noqa: E402
from data.din import steps  # noqa: E402
from data.din.samples import DEFAULT_CATEGORY, SEPARATOR  # noqa: E402
from data.din.tables import ITEMS, REVIEWS, one_array, read_tables  # noqa: E402
from data.lines import describe  # noqa: E402

NUM_BUCKETS = 64


class Items(NamedTuple):
    """All items that were reviewed.

    Attributes:
      names, categories: binary [I].
      cumulative: the number of reviews of an item and all before it, int64 [I].
    """

    names: pa.BinaryArray
    categories: pa.BinaryArray
    cumulative: np.ndarray


class Reviews(NamedTuple):
    """The reviews of some users, by user, then by time.

    Attributes:
      users: the users' names, binary [U].
      sizes: the number of reviews of each user, int64 [U].
      items: the item of each review, an index into Items, int64 [N]; N is the sum of sizes.
    """

    users: pa.BinaryArray
    sizes: np.ndarray
    items: np.ndarray


def partition(path: str, folder: str, num_buckets: int) -> List[str]:
    """Divides reviews by a hash of their user into files of a folder; returns the files' paths.

    Raises:
      BadInput: the reviews cannot be read.
    """
    pattern = os.path.join(folder, "bucket{:03d}")
    paths = [pattern.format(i) for i in range(num_buckets)]
    with contextlib.ExitStack() as stack:
        writers = []
        for bucket in paths:
            file = stack.enter_context(open(bucket, "wb"))
            writer = pa.ipc.new_stream(file, REVIEWS)
            writers.append(stack.enter_context(writer))
        for table in read_tables(path, REVIEWS):
            _write_by_user(table, writers)
    return paths


def _write_by_user(table: pa.Table, writers: Sequence[pa.RecordBatchStreamWriter]) -> None:
    """Writes all rows of a user with the same one of the writers."""
    num_buckets = len(writers)
    users = table.column("user").to_pylist()
    hashes = np.array(list(map(zlib.crc32, users)))
    bucket = hashes % num_buckets
    order = np.argsort(bucket, kind="stable")
    table = table.take(order)
    sizes = np.bincount(bucket, minlength=num_buckets)
    starts = ragged.starts(sizes)
    for writer, start, size in zip(writers, starts, sizes):
        part = table.slice(start, size)
        writer.write_table(part)


def _read_bucket(path: str) -> pa.Table:
    with open(path, "rb") as file:
        with pa.ipc.open_stream(file) as stream:
            table = stream.read_all()
    return table.combine_chunks()


def make_items(buckets: Sequence[str], item_info: str) -> Items:
    """Counts the reviews of each item and looks up its category, DEFAULT_CATEGORY if it has none.

    The first category of an item counts if it has several.

    Raises:
      BadInput: the items' file cannot be read.
    """
    names = pa.array([], pa.binary())
    counts = np.zeros(0, np.int64)
    for bucket in buckets:
        items = one_array(_read_bucket(bucket), "item")
        names, counts = _add_counts(names, counts, items)
    return Items(
        names=names,
        categories=_look_up_categories(names, item_info),
        cumulative=np.cumsum(counts),
    )


def _look_up_categories(names: pa.BinaryArray, item_info: str) -> pa.BinaryArray:
    """The first category of each item in the file, binary [I]."""
    info = pa.concat_tables(read_tables(item_info, ITEMS))
    known_names = one_array(info, "item")
    place = pc.index_in(names, value_set=known_names)
    categories = one_array(info, "category").take(place)
    default = DEFAULT_CATEGORY.encode("utf-8")
    return categories.fill_null(default)


def _add_counts(
        names: pa.BinaryArray,
        counts: np.ndarray,
        items: pa.BinaryArray,
) -> Tuple[pa.BinaryArray, np.ndarray]:
    """The names and counts with those of more items."""
    encoded = pa.concat_arrays([names, items]).dictionary_encode()
    all_names = encoded.dictionary
    index = encoded.indices.to_numpy()
    new_index = index[len(names):]
    sums = np.bincount(new_index, minlength=len(all_names))
    sums[:len(counts)] += counts  # known names come first and keep their places
    return all_names, sums


def sort_reviews(table: pa.Table, names: pa.BinaryArray) -> Reviews:
    """Sorts reviews by user and time; lexsort keeps the order of equal ones."""
    encoded = one_array(table, "user").dictionary_encode()
    users = encoded.dictionary
    user = encoded.indices.to_numpy()
    time = one_array(table, "time").to_numpy()
    order = np.lexsort((time, user))
    sizes = np.bincount(user, minlength=len(users))
    item_names = one_array(table, "item")
    items = pc.index_in(item_names, value_set=names).to_numpy()
    items = items[order]
    return Reviews(users, sizes, items.astype(np.int64))


def draw_negatives(
        reviews: Reviews,
        users: np.ndarray,
        cumulative: np.ndarray,
        rng: Generator,
) -> np.ndarray:
    """Draws the item of a random review for each user, none that the user reviewed.

    Args:
      reviews: of all users.
      users: the users to draw for, indices, int64 [S].
      cumulative: that of Items.
      rng: where draws come from.

    Returns:
      items, indices, int64 [S].

    Raises:
      BadInput: a user reviewed all items.
    """
    num_items = len(cumulative)
    owner = ragged.owners(reviews.sizes)
    pairs = owner * num_items + reviews.items
    reviewed = np.unique(pairs)
    _check_some_are_left(reviews, users, reviewed // num_items, num_items)
    drawn = np.zeros(len(users), np.int64)
    left = np.arange(len(users))
    num_reviews = cumulative[-1]
    while len(left):
        points = rng.integers(0, num_reviews, len(left))
        items = np.searchsorted(cumulative, points, side="right")
        drawn[left] = items
        drawn_pairs = users[left] * num_items + items
        left = left[_is_among(drawn_pairs, reviewed)]
    return drawn


def _check_some_are_left(
        reviews: Reviews,
        users: np.ndarray,
        reviewers: np.ndarray,
        num_items: int,
) -> None:
    """Raises BadInput if a user reviewed all items; reviewers has a user once for each item."""
    num_users = len(reviews.sizes)
    num_reviewed = np.bincount(reviewers, minlength=num_users)
    full = users[num_reviewed[users] == num_items]
    if len(full):
        user = reviews.users[int(full[0])].as_py()
        name = user.decode("utf-8", "replace")
        raise BadInput("user {!r} reviewed all {} items, so none is left to draw as a negative. "
                       "Give more reviews.".format(name, num_items))


def _is_among(keys: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Which keys are among ordered ones, bool; there is at least one."""
    place = np.searchsorted(ordered, keys)
    place = np.minimum(place, len(ordered) - 1)
    return ordered[place] == keys


def make_samples(reviews: Reviews, items: Items, rng: Generator) -> pa.BinaryArray:
    """Makes a negative and a positive line for each user of two reviews or more: binary [2 S].

    Raises:
      BadInput: a user reviewed all items.
    """
    users = np.flatnonzero(reviews.sizes >= 2)
    last = np.cumsum(reviews.sizes) - 1
    negatives = draw_negatives(reviews, users, items.cumulative, rng)
    positives = reviews.items[last[users]]
    targets = pa.array(_interleave(negatives, positives))
    histories = _histories(reviews, users)
    row_of_user = np.arange(len(users))
    pairs = pa.array(_interleave(row_of_user, row_of_user))
    labels = [b"0", b"1"] * len(users)
    user_names = reviews.users.take(pa.array(users))
    columns = [
        pa.array(labels, pa.binary()),
        user_names.take(pairs),
        items.names.take(targets),
        items.categories.take(targets),
        _join(histories, items.names).take(pairs),
        _join(histories, items.categories).take(pairs),
    ]
    lines = pc.binary_join_element_wise(*columns, b"\t")
    return pc.binary_join_element_wise(lines, b"", b"\n")


def _interleave(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Both arrays' values in turn: [2 S] from two of [S]."""
    pairs = np.stack([first, second], axis=1)
    return pairs.ravel()


def _histories(reviews: Reviews, users: np.ndarray) -> pa.ListArray:
    """All reviews but the last of each of the users: lists of items, indices, int64 [S, ...]."""
    last = np.cumsum(reviews.sizes) - 1
    is_history = np.ones(len(reviews.items), bool)
    is_history[last] = False
    history = pa.array(reviews.items[is_history])
    lengths = reviews.sizes[users] - 1
    return pa.ListArray.from_arrays(ragged.offsets(lengths), history)


def _join(histories: pa.ListArray, names: pa.BinaryArray) -> pa.BinaryArray:
    """The names of each history's items as one text, binary [S]."""
    values = names.take(histories.values)
    lists = pa.ListArray.from_arrays(histories.offsets, values)
    return pc.binary_join(lists, SEPARATOR)


def aggregate(
        reviews_info: str,
        item_info: str,
        target: str,
        seed: int,
        num_buckets: int = NUM_BUCKETS,
) -> int:
    """Writes the samples of all users; until the end, buckets are in a folder beside target.

    Returns:
      the number of lines.

    Raises:
      BadInput: an input cannot be read, no user has two reviews, or one reviewed all items; nothing
        is written then.
    """
    parent, name = os.path.split(target)
    count = 0
    parent = parent or os.curdir
    with tempfile.TemporaryDirectory(prefix=name + ".", dir=parent) as folder:
        buckets = partition(reviews_info, folder, num_buckets)
        items = make_items(buckets, item_info)
        with replacing(target) as temporary, open(temporary, "wb") as file:
            for lines in _bucket_samples(buckets, items, seed):
                file.writelines(lines.to_pylist())
                count += len(lines)
            if not count:
                raise BadInput("{}: no user has two reviews. Give more reviews."
                               .format(reviews_info))
    return count


def _bucket_samples(
        buckets: Sequence[str],
        items: Items,
        seed: int,
) -> Iterator[pa.BinaryArray]:
    """Yields the lines of each bucket."""
    for number, bucket in enumerate(buckets):
        rng = default_rng([seed, number])
        table = _read_bucket(bucket)
        reviews = sort_reviews(table, items.names)
        yield make_samples(reviews, items, rng)


def main(argv: Optional[List[str]] = None) -> int:
    """Makes one file of samples; returns the exit status."""
    description = "Makes a positive and a negative sample for each user."
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("reviews", help="reviews-info of process_data.py")
    parser.add_argument("items", help="item-info of process_data.py")
    parser.add_argument("samples", type=written_locally, help="the file to write")
    steps.add_seed(parser, "the negatives")
    args = parser.parse_args(argv)
    steps.check_not_negative(parser, "--seed", args.seed)
    return steps.run(parser, lambda: _write(args))


def _write(args: argparse.Namespace) -> Iterator[str]:
    count = aggregate(args.reviews, args.items, args.samples, args.seed)
    yield describe(args.samples, count, "lines")


if __name__ == "__main__":
    sys.exit(main())
