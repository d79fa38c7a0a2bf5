"""Small raw files of Amazon Books in each release, as data/din/prepare_data.sh reads them."""

import json
import os
from typing import Any, Callable, Dict, Iterable, List, NamedTuple

import numpy as np
from numpy.random import Generator, default_rng

_DAY = 86400
_TOP_CATEGORY = "Books"
_ODD_CATEGORIES = [
    "Crime, Thrillers & Mystery",
    "Children's \"Books\"",
    "Literatur & Kunst für alle",
    "日本",
    "Science  Fiction",
]
Record = Dict[str, object]


def category_names(num: int) -> List[str]:
    """Names of categories as odd as the real ones."""
    plain = ["Category {}".format(i) for i in range(num)]
    return (_ODD_CATEGORIES + plain)[:num]


def write_raw_files(
        folder: str,
        num_users: int,
        num_items: int,
        seed: int,
        release: str = "2014",
) -> None:
    """Writes raw files of reviews and items with preferences that can be learned.

    Nine of ten reviews of a user are of the user's two favourite categories. Categories are equally
    frequent among items, popularity falls with an item's rank, and one item in fifty is missing
    from the meta file. Users write 1 to 20 reviews, each of another item, several a day; the lines
    are in random order.

    Args:
      folder: where to write to; it is created if it does not exist.
      num_users: how many users write reviews.
      num_items: how many items there are, 50 at least.
      seed: the same arguments give the same bytes.
      release: whose names and keys they have: "2014", "2018" or "2023".

    Raises:
      ValueError: there are fewer than 50 items.
    """
    if num_items < 50:
        raise ValueError("num_items must be >= 50. Got: {}.".format(num_items))
    rng = default_rng(seed)
    num_categories = max(5, min(20, num_items // 10))
    names = category_names(num_categories)
    category = rng.permutation(np.arange(num_items) % num_categories)
    reviews: List[Record] = []
    for user in range(num_users):
        reviews.extend(_draw_reviews(rng, user, category, num_categories))
    files = _FILES[release]
    shuffled = [reviews[i] for i in rng.permutation(len(reviews))]
    review_lines = [json.dumps(files.to_review(review)) for review in shuffled]
    present = [item for item in rng.permutation(num_items) if item % 50 != 49]
    metas = [_meta(item, names[category[item]]) for item in present]
    meta_lines = [files.to_text(files.to_meta(meta)) for meta in metas]
    os.makedirs(folder, exist_ok=True)
    _write_lines(os.path.join(folder, files.reviews), review_lines)
    _write_lines(os.path.join(folder, files.meta), meta_lines)


def _write_lines(path: str, lines: Iterable[str]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(line + "\n")


def _draw_reviews(
        rng: Generator,
        user: int,
        category: np.ndarray,
        num_categories: int,
) -> Iterable[Record]:
    """Yields the reviews of one user; items of two categories have nine tenths of the weight."""
    favourites = rng.choice(num_categories, 2, replace=False)
    is_liked = np.isin(category, favourites)
    popularity = (np.arange(len(category)) + 10.0) ** -0.5
    liked_weight = 0.9 * popularity / popularity[is_liked].sum()
    other_weight = 0.1 * popularity / popularity[~is_liked].sum()
    weight = np.where(is_liked, liked_weight, other_weight)
    size = int(np.clip(rng.geometric(0.15), 1, 20))
    items = rng.choice(len(category), size, replace=False, p=weight / weight.sum())
    days = 15000 + rng.integers(0, 3 * size, size)
    for item, day in zip(items, days):
        yield {
            "reviewerID": "A{:06d}".format(user),
            "asin": _asin(item),
            "overall": float(rng.integers(1, 6)),
            "reviewText": "It's a \"book\".\tRead it\u2028or not.",
            "unixReviewTime": int(day) * _DAY,
        }


def _meta(item: int, category: str) -> Record:
    return {
        "asin": _asin(item),
        "title": "It's no. {}".format(item),
        "price": 9.99,
        "related": None,
        "categories": [[_TOP_CATEGORY, category], [_TOP_CATEGORY, "Other", "Path"]],
    }


def _asin(item: int) -> str:
    return "{:010d}".format(item)


def _same(record: Record) -> Record:
    return record


def _review_of_2018(review: Record) -> Record:
    return dict(review, verified=True, style={"Format:": " Hardcover"}, vote="2", image=[])


def _meta_of_2018(meta: Record) -> Record:
    return {"category": _first_path(meta), "asin": meta["asin"], "title": meta["title"]}


def _first_path(meta: Record) -> object:
    paths: Any = meta["categories"]
    return paths[0]


def _review_of_2023(review: Record) -> Record:
    seconds: Any = review["unixReviewTime"]
    return {
        "rating": review["overall"],
        "text": review["reviewText"],
        "asin": "another edition",
        "parent_asin": review["asin"],
        "user_id": review["reviewerID"],
        "timestamp": seconds * 1000,
        "helpful_vote": 0,
        "verified_purchase": True,
    }


def _meta_of_2023(meta: Record) -> Record:
    return {
        "main_category": _TOP_CATEGORY,
        "title": meta["title"],
        "categories": _first_path(meta),
        "parent_asin": meta["asin"],
    }


class _Files(NamedTuple):
    """The files of a release: their names, what a record of 2014 is there, how it is written."""

    reviews: str
    meta: str
    to_review: Callable[[Record], Record]
    to_meta: Callable[[Record], Record]
    to_text: Callable[[Record], str]


_FILES = {
    "2014": _Files("reviews_Books.json", "meta_Books.json", _same, _same, repr),
    "2018": _Files("Books.json", "meta_Books.json", _review_of_2018, _meta_of_2018, json.dumps),
    "2023": _Files("Books.jsonl", "meta_Books.jsonl", _review_of_2023, _meta_of_2023, json.dumps),
}
