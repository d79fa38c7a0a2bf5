"""Small raw files of Amazon Books for tests; no product code imports this."""

import json
import os
from typing import Dict, List

import numpy as np

_DAY = 86400
_TOP = "Books"


def category_names(num: int) -> List[str]:
    """Names of categories as odd as the real ones."""
    odd = ["Crime, Thrillers & Mystery", "Children's \"Books\"", "Literatur & Kunst für alle", "日本", "Science  Fiction"]
    return (odd + ["Category {}".format(i) for i in range(num)])[:num]


def write_raw_files(folder: str, num_users: int, num_items: int, seed: int) -> None:
    """Writes reviews_Books.json and meta_Books.json with preferences that can be learned.

    Nine of ten reviews of a user are of the user's two favourite categories. Of items, categories are equally
    frequent, popularity falls with the rank, and one in fifty is missing from the meta file. Users write 1 to 20
    reviews, each of another item, several a day; the lines stand in random order.

    Args:
      folder: where to write to; it is made if need be.
      num_users: how many users write reviews.
      num_items: how many items there are, 50 at least.
      seed: the same arguments give the same bytes.

    Raises:
      ValueError: there are fewer than 50 items.
    """
    if num_items < 50:
        raise ValueError("num_items must be >= 50. Got: {}.".format(num_items))
    rng = np.random.default_rng(seed)
    names = category_names(max(5, min(20, num_items // 10)))
    category = rng.permutation(np.arange(num_items) % len(names))
    os.makedirs(folder, exist_ok=True)
    reviews = [review for user in range(num_users) for review in _reviews(rng, user, category, len(names))]
    with open(os.path.join(folder, "reviews_Books.json"), "w", encoding="utf-8") as file:
        for i in rng.permutation(len(reviews)):
            file.write(json.dumps(reviews[i]) + "\n")
    with open(os.path.join(folder, "meta_Books.json"), "w", encoding="utf-8") as file:
        for item in rng.permutation(num_items):
            if item % 50 != 49:
                file.write(repr(_meta(item, names[category[item]])) + "\n")


def _reviews(rng: np.random.Generator, user: int, category: np.ndarray, num_categories: int) -> List[Dict[str, object]]:
    """The reviews of one user: items of the favourite categories weigh as much more as it takes for nine of ten."""
    liked = np.isin(category, rng.choice(num_categories, 2, replace=False))
    popularity = (np.arange(len(category)) + 10.0) ** -0.5
    weight = np.where(liked, 0.9 * popularity / popularity[liked].sum(), 0.1 * popularity / popularity[~liked].sum())
    size = int(np.clip(rng.geometric(0.15), 1, 20))
    items = rng.choice(len(category), size, replace=False, p=weight / weight.sum())
    days = 15000 + rng.integers(0, 3 * size, size)
    return [{"reviewerID": "A{:06d}".format(user), "asin": _asin(item), "overall": float(rng.integers(1, 6)),
             "reviewText": "It's a \"book\".\tRead it\u2028or not.", "unixReviewTime": int(day) * _DAY}
            for item, day in zip(items, days)]


def _meta(item: int, category: str) -> Dict[str, object]:
    return {"asin": _asin(item), "title": "It's no. {}".format(item), "price": 9.99, "related": None,
            "categories": [[_TOP, category], [_TOP, "Other", "Path"]]}


def _asin(item: int) -> str:
    return "{:010d}".format(item)
