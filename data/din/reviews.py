"""The items that were reviewed, and the reviews of some users in the order of time."""

from typing import Iterable, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from common.counts import counted
from common.errors import BadInput
from data.din import buckets
from data.din.samples import DEFAULT_CATEGORY
from data.din.tables import one_array


class Items(NamedTuple):
    """All items that were reviewed.

    Attributes:
      names, categories: binary [I].
      cumulative: the number of reviews of an item and all before it, int64 [I].
      num_unlisted: how many of them the list of items lacks.
      num_uncategorized: how many of them it lists without a category.
    """

    names: pa.BinaryArray
    categories: pa.BinaryArray
    cumulative: np.ndarray
    num_unlisted: int
    num_uncategorized: int

    def describe(self) -> str:
        """How many of the items have a category, in words."""
        return "{}, {} without a category, {} not in the list of items".format(
            counted(len(self.names), "item"), self.num_uncategorized, self.num_unlisted)

    def check_categories(self, path: str, smallest: float, hint: str = "") -> None:
        """Raises BadInput if a smaller share of the items has a category.

        Args:
          path: the list of items.
          smallest: the share that is expected.
          hint: what may be the reason.
        """
        if self.share_with_category < smallest:
            raise BadInput("{}: of {}; expected a category of {:.0%} of them. Are both files of "
                           "the same release, with the same ids?{} To train with {} in place of a "
                           "category, pass --min_categories 0.".format(
                               path, self.describe(), smallest, hint, DEFAULT_CATEGORY))

    @property
    def share_with_category(self) -> float:
        """The share of the items that have a category, 1 of no items."""
        num_without = self.num_unlisted + self.num_uncategorized
        return 1 - num_without / max(1, len(self.names))


class Reviews(NamedTuple):
    """The reviews of some users, by user, then by time.

    Attributes:
      users: the users' names, binary [U].
      sizes: the number of reviews of each user, int64 [U].
      items: the item of each review, an index into Items, int64 [N]; N is the sum of sizes.
      ratings: the rating of each review, as it is written, binary [N].
      times: the time of each review, int64 [N].
    """

    users: pa.BinaryArray
    sizes: np.ndarray
    items: np.ndarray
    ratings: pa.BinaryArray
    times: np.ndarray


def make_items(paths: Sequence[str], info: Iterable[pa.Table]) -> Items:
    """Counts the reviews of each item and looks up its category, DEFAULT_CATEGORY if it has none.

    The first category of an item counts if it has several.

    Args:
      paths: the files of reviews.
      info: items and their categories, with the columns of tables.ITEMS.

    Raises:
      BadInput: the items cannot be read.
    """
    names = pa.array([], pa.binary())
    counts = np.zeros(0, np.int64)
    for path in paths:
        items = one_array(buckets.read(path), "item")
        names, counts = _add_counts(names, counts, items)
    listed = pa.concat_tables(info)
    categories = _look_up_categories(names, listed)
    is_listed = pc.is_in(names, value_set=one_array(listed, "item"))
    num_unlisted = len(names) - is_listed.true_count
    return Items(
        names=names,
        categories=categories.fill_null(DEFAULT_CATEGORY.encode("utf-8")),
        cumulative=np.cumsum(counts),
        num_unlisted=num_unlisted,
        num_uncategorized=categories.null_count - num_unlisted,
    )


def _look_up_categories(names: pa.BinaryArray, listed: pa.Table) -> pa.BinaryArray:
    """The first category of each item, null where it has none, binary [I]."""
    default = DEFAULT_CATEGORY.encode("utf-8")
    has_category = pc.not_equal(listed.column("category"), pa.scalar(default, pa.binary()))
    known = listed.filter(has_category)
    place = pc.index_in(names, value_set=one_array(known, "item"))
    return one_array(known, "category").take(place)


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


def sort_reviews(
        table: pa.Table,
        names: pa.BinaryArray,
        rng: Optional[Generator] = None,
) -> Reviews:
    """Sorts reviews by user and time.

    Args:
      table: the reviews, in the order of their file.
      names: those of Items.
      rng: draws the order of a user's reviews of equal time. Public files are sorted by item, so
        their own order would make the last review one of the last items. None keeps it.
    """
    encoded = one_array(table, "user").dictionary_encode()
    users = encoded.dictionary
    user = encoded.indices.to_numpy()
    time = one_array(table, "time").to_numpy()
    place = np.arange(len(time)) if rng is None else rng.permutation(len(time))
    order = np.lexsort((place, time, user))
    sizes = np.bincount(user, minlength=len(users))
    items = pc.index_in(one_array(table, "item"), value_set=names).to_numpy()
    return Reviews(
        users=users,
        sizes=sizes,
        items=items[order].astype(np.int64),
        ratings=one_array(table, "rating").take(pa.array(order)),
        times=time[order],
    )
