"""The users, ads and products that Taobao's synthetic rows are about, and how ids are written."""

from typing import Dict, List

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from data.planted import draw, zipf

USERS, ADS, PRODUCTS = 100000, 400000, 100000
_CAMPAIGNS, _CUSTOMERS, _CATEGORIES, _BRANDS = 200000, 150000, 8000, 100000
_MAX_PRICE = 49
_NO_PROFILE = 0.044
_NO_BRAND = 0.316

# Column -> an index for each user, ad, product, row or list item.
Indices = Dict[str, np.ndarray]

# How many ids each column has, and the largest number that stands in one.
_IDS = {
    "user_id": (USERS, 1141729),
    "adgroup_id": (ADS, 846811),
    "campaign_id": (_CAMPAIGNS, 423436),
    "customer": (_CUSTOMERS, 255875),
    "cate_id": (_CATEGORIES, 12960),
    "brand": (_BRANDS, 461497),
    "tag_category_list": (_CATEGORIES, 12960),
    "tag_brand_list": (_BRANDS, 461497),
}


def _numbers(first: int, last: int) -> List[str]:
    """The whole numbers from first to last, both included, as texts."""
    return [str(number) for number in range(first, last + 1)]


# Values of the profile columns and their shares among users with a profile; '' is a missing value.
_PROFILE = {
    "cms_segid": (_numbers(0, 78), [.57] + 78 * [.43 / 78]),
    "cms_group_id": (
        _numbers(1, 12),
        [.03, .15, .26, .16, .11, .03, .02, .03, .07, .10, .07, .01],
    ),
    "final_gender_code": (_numbers(1, 2), [.29, .71]),
    "age_level": (_numbers(1, 6), [.03, .18, .34, .26, .17, .02]),
    "pvalue_level": ([""] + _numbers(1, 3), [.51, .15, .30, .04]),
    "shopping_level": (_numbers(1, 3), [.02, .08, .90]),
    "occupation": (_numbers(0, 1), [.96, .04]),
    "new_user_class_level": ([""] + _numbers(1, 4), [.21, .07, .37, .19, .16]),
}


def draw_profiles(rng: Generator) -> Indices:
    """Each user's value of each profile column; index 0 is missing, and some users miss all."""
    absent = rng.random(USERS) < _NO_PROFILE
    profile = {"user_id": np.arange(USERS, dtype=np.int32)}
    for name, (values, shares) in _PROFILE.items():
        cumulative = np.cumsum(shares)
        index = draw(rng, cumulative, USERS)
        if values[0] != "":
            index += 1
        profile[name] = np.where(absent, 0, index).astype(np.int32)
    return profile


def draw_ads(rng: Generator) -> Indices:
    """Each ad's value of each column; a campaign has one customer, index 0 of brand is none."""
    campaign = draw(rng, zipf(_CAMPAIGNS, 0.7, 5), ADS)
    customers = draw(rng, zipf(_CUSTOMERS, 0.68, 5), _CAMPAIGNS)
    ad = rng.permutation(ADS)
    category = draw(rng, zipf(_CATEGORIES, 1.53, 10), ADS)
    brand = 1 + draw(rng, zipf(_BRANDS, 0.91, 5), ADS)
    price = rng.binomial(_MAX_PRICE, rng.beta(4, 3, ADS))
    brand[rng.random(ADS) < _NO_BRAND] = 0
    return {
        "adgroup_id": ad.astype(np.int32),
        "campaign_id": campaign,
        "customer": customers[campaign],
        "cate_id": category,
        "brand": brand,
        "price": price.astype(np.int32),
    }


def draw_products(rng: Generator) -> Indices:
    """The category and the brand of each product that a tag list may hold."""
    category = draw(rng, zipf(_CATEGORIES, 1.5, 4), PRODUCTS)
    brand = draw(rng, zipf(_BRANDS, 0.7, 10), PRODUCTS)
    return {
        "tag_category_list": category,
        "tag_brand_list": brand,
    }


def new_ids(name: str, number: int, count: int) -> List[str]:
    """Ids that no entity of a column has yet.

    Args:
      number: how many new ones were given before.
    """
    _, largest = _IDS[name]
    first = largest + 1 + number
    return _numbers(first, first + count - 1)


def make_vocabularies(rng: Generator) -> Dict[str, pa.Array]:
    """The strings of every column; ids are numbered at random, as real ones are."""
    vocabularies = {}
    for name, (size, largest) in _IDS.items():
        numbers = rng.choice(largest, size, replace=False) + 1
        texts = ["NULL"] if name == "brand" else []
        texts.extend(map(str, numbers.tolist()))
        vocabularies[name] = pa.array(texts, pa.string())
    vocabularies["pid"] = pa.array(["430548_1007", "430539_1007"])
    vocabularies["price"] = pa.array(_numbers(0, _MAX_PRICE))
    for name, (values, _) in _PROFILE.items():
        missing = [] if values[0] == "" else [""]
        vocabularies[name] = pa.array(missing + values)
    return vocabularies
