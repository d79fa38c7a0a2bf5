"""Makes samples: two lines for each user, whether the last review follows from the earlier ones.

    python data/din/script/local_aggretor.py reviews-info item-info samples

A user's reviews are sorted by time, those of equal time stay in the file's order. The last one is the target of the
line with label 1. The line with label 0 before it has as its target the item of a random review, drawn until it is
none the user reviewed. Both have all earlier reviews as their history. Users of one review give no sample.

Memory: reviews are first divided by user into NUM_BUCKETS files on disk; then the rows of one of them are held, and
name, category and number of reviews of each item as Arrow and NumPy arrays.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import zlib
from typing import List, NamedTuple, Optional, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data.din.lines import DEFAULT_CATEGORY, SEPARATOR, describe  # noqa: E402
from data.din.tables import ITEMS, REVIEWS, one_array, read_tables  # noqa: E402

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
    paths = [os.path.join(folder, "bucket{:03d}".format(i)) for i in range(num_buckets)]
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(pa.ipc.new_stream(stack.enter_context(open(bucket, "wb")), REVIEWS))
                   for bucket in paths]
        for table in read_tables(path, REVIEWS):
            bucket = np.array([zlib.crc32(user) % num_buckets for user in table.column("user").to_pylist()])
            order = np.argsort(bucket, kind="stable")
            table = table.take(order)
            bounds = np.searchsorted(bucket[order], np.arange(num_buckets + 1))
            for writer, begin, end in zip(writers, bounds[:-1], bounds[1:]):
                writer.write_table(table.slice(begin, end - begin))
    return paths


def _read_bucket(path: str) -> pa.Table:
    with open(path, "rb") as file, pa.ipc.open_stream(file) as stream:
        return stream.read_all().combine_chunks()


def make_items(buckets: Sequence[str], item_info: str) -> Items:
    """Counts the reviews of each item and looks up its category; DEFAULT_CATEGORY where there is none.

    Of an item with several categories the first one counts.

    Raises:
      BadInput: the items' file cannot be read.
    """
    names, counts = pa.array([], pa.binary()), np.zeros(0, np.int64)
    for bucket in buckets:
        encoded = pa.concat_arrays([names, one_array(_read_bucket(bucket), "item")]).dictionary_encode()
        new = np.bincount(encoded.indices.to_numpy()[len(names):], minlength=len(encoded.dictionary))
        new[:len(counts)] += counts  # known names come first and keep their places
        names, counts = encoded.dictionary, new
    info = pa.concat_tables(read_tables(item_info, ITEMS))
    place = pa.compute.index_in(names, value_set=one_array(info, "item"))
    categories = one_array(info, "category").take(place).fill_null(DEFAULT_CATEGORY.encode("utf-8"))
    return Items(names, categories, np.cumsum(counts))


def sort_reviews(table: pa.Table, names: pa.BinaryArray) -> Reviews:
    """Sorts reviews by user and time; lexsort keeps the order of equal ones."""
    users = one_array(table, "user").dictionary_encode()
    codes = users.indices.to_numpy()
    order = np.lexsort((one_array(table, "time").to_numpy(), codes))
    items = pa.compute.index_in(one_array(table, "item"), value_set=names).to_numpy()
    return Reviews(users.dictionary, np.bincount(codes, minlength=len(users.dictionary)),
                   items[order].astype(np.int64))


def draw_negatives(reviews: Reviews, users: np.ndarray, cumulative: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws for each of the given users (indices [S]) the item of a random review, none the user reviewed: int64 [S].

    Raises:
      BadInput: a user reviewed all items.
    """
    num_items = len(cumulative)
    owned = np.unique(np.repeat(np.arange(len(reviews.sizes)), reviews.sizes) * num_items + reviews.items)
    full = users[np.bincount(owned // num_items, minlength=len(reviews.sizes))[users] == num_items]
    if len(full):
        raise BadInput("user {!r} reviewed all {} items, so none is left to draw as a negative. Give more "
                       "reviews.".format(reviews.users[int(full[0])].as_py().decode("utf-8", "replace"), num_items))
    drawn = np.zeros(len(users), np.int64)
    todo = np.arange(len(users))
    while len(todo):
        draws = rng.integers(0, cumulative[-1], len(todo))
        drawn[todo] = np.searchsorted(cumulative, draws, side="right")
        keys = users[todo] * num_items + drawn[todo]
        place = np.minimum(np.searchsorted(owned, keys), len(owned) - 1)
        todo = todo[owned[place] == keys]
    return drawn


def make_samples(reviews: Reviews, items: Items, rng: np.random.Generator) -> pa.BinaryArray:
    """Returns the lines of the users of two reviews or more, a negative and a positive one for each: binary [2 S].

    Raises:
      BadInput: a user reviewed all items.
    """
    users = np.flatnonzero(reviews.sizes >= 2)
    last = np.cumsum(reviews.sizes) - 1
    targets = np.stack([draw_negatives(reviews, users, items.cumulative, rng), reviews.items[last[users]]], 1).ravel()
    is_history = np.repeat(reviews.sizes >= 2, reviews.sizes)
    is_history[last] = False
    history = pa.array(reviews.items[is_history])
    offsets = pa.array(np.concatenate([[0], np.cumsum(reviews.sizes[users] - 1)]).astype(np.int32))
    pairs = np.repeat(np.arange(len(users)), 2)
    joined = [pa.compute.binary_join(pa.ListArray.from_arrays(offsets, names.take(history)), SEPARATOR)
              for names in (items.names, items.categories)]
    columns = [pa.array([b"0", b"1"] * len(users), pa.binary()), reviews.users.take(pa.array(users[pairs])),
               items.names.take(pa.array(targets)), items.categories.take(pa.array(targets)),
               joined[0].take(pa.array(pairs)), joined[1].take(pa.array(pairs))]
    lines = pa.compute.binary_join_element_wise(*columns, b"\t")
    return pa.compute.binary_join_element_wise(lines, b"", b"\n")


def aggregate(reviews_info: str, item_info: str, target: str, seed: int, num_buckets: int = NUM_BUCKETS) -> int:
    """Writes the samples of all users; the buckets lie in a folder beside target until then.

    Returns:
      the number of lines.

    Raises:
      BadInput: an input cannot be read, no user has two reviews, or one reviewed all items; nothing is written then.
    """
    beside, name = os.path.split(target)
    count = 0
    with tempfile.TemporaryDirectory(prefix=name + ".", dir=beside or os.curdir) as folder:
        buckets = partition(reviews_info, folder, num_buckets)
        items = make_items(buckets, item_info)
        with replacing(target) as temporary, open(temporary, "wb") as file:
            for i, bucket in enumerate(buckets):
                reviews = sort_reviews(_read_bucket(bucket), items.names)
                lines = make_samples(reviews, items, np.random.default_rng([seed, i]))
                file.writelines(lines.to_pylist())
                count += len(lines)
            if not count:
                raise BadInput("{}: no user has two reviews. Give more reviews.".format(reviews_info))
    return count


def main(argv: Optional[List[str]] = None) -> int:
    """Makes one file of samples."""
    parser = argparse.ArgumentParser(description="Makes a positive and a negative sample for each user.")
    parser.add_argument("reviews", help="reviews-info of process_data.py")
    parser.add_argument("items", help="item-info of process_data.py")
    parser.add_argument("samples", help="the file to write")
    parser.add_argument("--seed", type=int, default=2021, help="seed of the negatives (default 2021)")
    args = parser.parse_args(argv)
    if args.seed < 0:
        parser.error("--seed must be >= 0. Got: {}.".format(args.seed))
    try:
        count = aggregate(args.reviews, args.items, args.samples, args.seed)
        print(describe(args.samples, count, "lines"))
    except (BadInput, OSError) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
