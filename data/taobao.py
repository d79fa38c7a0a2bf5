"""The Taobao data set of ESMM, MMoE and PLE: its schema, synthetic rows with a planted signal, and conversion.

    python data/taobao.py make --rows 500000 --seed 1 --out data
    python data/taobao.py convert taobao_train_data taobao_train_data.parquet

The columns and sizes are those of EasyRec's Taobao set; the marginals of the synthetic rows were fitted to it. What
the planted signal is, and how the Bayes AUC is defined, stands in data/README.md.
"""

import argparse
import json
import os
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import encoder, metrics, reader  # noqa: E402
from common.files import replacing  # noqa: E402
from common.schema import Column, Schema  # noqa: E402

SCHEMA = Schema(
    name="taobao",
    columns=(
        Column("clk", "label"),
        Column("buy", "label"),
        Column("pid", "hash", 10, "combo"),
        Column("adgroup_id", "hash", 100000, "item"),
        Column("cate_id", "hash", 10000, "item"),
        Column("campaign_id", "hash", 100000, "item"),
        Column("customer", "hash", 100000, "item"),
        Column("brand", "hash", 100000, "item"),
        Column("user_id", "hash", 100000, "user"),
        Column("cms_segid", "hash", 100, "user"),
        Column("cms_group_id", "hash", 100, "user"),
        Column("final_gender_code", "unused"),
        Column("age_level", "hash", 10, "user"),
        Column("pvalue_level", "hash", 10, "user"),
        Column("shopping_level", "hash", 10, "user"),
        Column("occupation", "hash", 10, "user"),
        Column("new_user_class_level", "hash", 10, "user"),
        Column("tag_category_list", "hash", 100000, "combo", separator="|"),
        Column("tag_brand_list", "hash", 100000, "combo", separator="|"),
        Column("price", "identity", 50, "item", default="0"),
    ),
    train_file="taobao_train_data",
    test_file="taobao_test_data",
    user_column="user_id",
    module="data/taobao.py",
)
_NAMES = [column.name for column in SCHEMA.columns]
_ARROW_SCHEMA = pa.schema([(c.name, pa.int32() if c.dtype == "int32" else pa.string()) for c in SCHEMA.columns])
_BLOCK_ROWS = 1 << 16
_MAX_ITEMS = 50

# Shares of each value of the profile columns among users that have a profile; '' is a missing value.
_PROFILE = {
    "cms_segid": ([str(i) for i in range(79)], [0.57] + 78 * [0.43 / 78]),
    "cms_group_id": ([str(i) for i in range(1, 13)], [.03, .15, .26, .16, .11, .03, .02, .03, .07, .10, .07, .01]),
    "final_gender_code": (["1", "2"], [.29, .71]),
    "age_level": (["1", "2", "3", "4", "5", "6"], [.03, .18, .34, .26, .17, .02]),
    "pvalue_level": (["", "1", "2", "3"], [.51, .15, .30, .04]),
    "shopping_level": (["1", "2", "3"], [.02, .08, .90]),
    "occupation": (["0", "1"], [.96, .04]),
    "new_user_class_level": (["", "1", "2", "3", "4"], [.21, .07, .37, .19, .16]),
}
_NO_PROFILE = 0.044
_NO_BRAND = 0.316
_NO_TAGS = 0.42

# Share of the logit's variance that each source of signal has, of users, items and combo columns in turn.
_SIGNAL = {
    "cms_segid": .02, "cms_group_id": .11, "age_level": .10, "pvalue_level": .08, "shopping_level": .01,
    "occupation": .01, "new_user_class_level": .06, "user_id": .01,
    "cate_id": .10, "price": .12, "brand": .03, "customer": .02, "campaign_id": .01, "adgroup_id": .01,
    "pid": .09, "tag_category_list": .08, "tag_brand_list": .05,
    "age_level x price": .09,
}
_CLICK_VARIANCE = 1.5
_BUY_VARIANCE = 0.6
_CORRELATION = 0.6


class World(NamedTuple):
    """The entities that rows are drawn from, and what they do to the two logits.

    Attributes:
      users, ads, products: cumulative shares by which each is drawn, float64 [number of them].
      user_profile: column -> index of each user's value in its vocabulary, int32 [users].
      ad_columns: column -> index of each ad's value, int32 [ads].
      product_columns: tag column -> index of each product's value, int32 [products].
      vocabularies: column -> the values, strings.
      effects: column -> what each value adds to the click and the purchase logit, float64 [2, values].
      intercepts: the constants of the two logits.
    """

    users: np.ndarray
    ads: np.ndarray
    products: np.ndarray
    user_profile: Dict[str, np.ndarray]
    ad_columns: Dict[str, np.ndarray]
    product_columns: Dict[str, np.ndarray]
    vocabularies: Dict[str, pa.Array]
    effects: Dict[str, np.ndarray]
    intercepts: Tuple[float, float] = (0.0, 0.0)


class Rows(NamedTuple):
    """Generated rows: the table as it is stored, and the two logits they were drawn with, float64 [N]."""

    table: pa.Table
    click_logit: np.ndarray
    buy_logit: np.ndarray


def _zipf(size: int, exponent: float, shift: float) -> np.ndarray:
    """Cumulative shares of a shifted Zipf law, (rank + shift) ** -exponent."""
    shares = (np.arange(1, size + 1) + shift) ** -exponent
    return np.cumsum(shares / shares.sum())


def _draw(rng: np.random.Generator, cumulative: np.ndarray, size: int) -> np.ndarray:
    return np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right").astype(np.int32)


def make_world(seed: int, click_rate: float, buy_rate: float) -> World:
    """Draws the entities and their effects, and sets the intercepts so that the two rates come out.

    Args:
      seed: the same seed gives the same world.
      click_rate: share of rows that are clicked.
      buy_rate: share of rows that are clicked and bought.

    Raises:
      ValueError: not 0 < buy_rate < click_rate < 1.
    """
    if not 0 < buy_rate < click_rate < 1:
        raise ValueError("rates must be 0 < buy_rate < click_rate < 1. Got: click_rate {}, buy_rate {}.".format(
            click_rate, buy_rate))
    rng = np.random.default_rng([seed, 0])
    users, ads, products = _zipf(100000, 1.001, 10), _zipf(400000, 0.805, 10), _zipf(100000, 0.9, 5)
    profile = _draw_profiles(rng, len(users))
    campaigns = _draw(rng, _zipf(200000, 0.7, 5), len(ads))
    customers = _draw(rng, _zipf(150000, 0.68, 5), 200000)
    columns = {"adgroup_id": rng.permutation(len(ads)).astype(np.int32), "campaign_id": campaigns,
               "customer": customers[campaigns], "cate_id": _draw(rng, _zipf(8000, 1.53, 10), len(ads)),
               "brand": 1 + _draw(rng, _zipf(100000, 0.91, 5), len(ads)),
               "price": np.minimum(rng.binomial(49, rng.beta(4, 3, len(ads))), 49).astype(np.int32)}
    columns["brand"][rng.random(len(ads)) < _NO_BRAND] = 0
    tags = {"tag_category_list": _draw(rng, _zipf(8000, 1.5, 4), len(products)),
            "tag_brand_list": _draw(rng, _zipf(100000, 0.7, 10), len(products))}
    vocabularies = _make_vocabularies(rng, len(users))
    sizes = {name: len(values) for name, values in vocabularies.items()}
    effects = {name: _draw_effects(rng, size) for name, size in dict(sizes, **{"age_level x price": 7 * 5}).items()}
    world = World(users, ads, products, profile, columns, tags, vocabularies, effects)
    return _calibrate(world, seed, click_rate, buy_rate)


def _draw_effects(rng: np.random.Generator, size: int) -> np.ndarray:
    """What each value of a source adds to the click and the purchase logit, correlated and unscaled: [2, size]."""
    click, own = rng.standard_normal([2, size])
    return np.stack([click, _CORRELATION * click + np.sqrt(1 - _CORRELATION ** 2) * own])


def _draw_profiles(rng: np.random.Generator, num_users: int) -> Dict[str, np.ndarray]:
    """Each user's value of each profile column; index 0 is missing, for some users in every column."""
    absent = rng.random(num_users) < _NO_PROFILE
    profile = {"user_id": np.arange(num_users, dtype=np.int32)}
    for name, (values, shares) in _PROFILE.items():
        offset = 0 if values[0] == "" else 1
        profile[name] = np.where(absent, 0, offset + _draw(rng, np.cumsum(shares), num_users)).astype(np.int32)
    return profile


def _make_vocabularies(rng: np.random.Generator, num_users: int) -> Dict[str, pa.Array]:
    """The strings of every column, numbered without order as real ids are."""
    def ids(size: int, largest: int, first: Optional[List[str]] = None) -> pa.Array:
        numbers = rng.choice(largest, size, replace=False) + 1
        return pa.array((first or []) + [str(number) for number in numbers.tolist()], pa.string())

    vocabularies = {"user_id": ids(num_users, 1141729), "adgroup_id": ids(400000, 846811),
                    "campaign_id": ids(200000, 423436), "customer": ids(150000, 255875),
                    "cate_id": ids(8000, 12960), "brand": ids(100000, 461497, ["NULL"]),
                    "tag_category_list": ids(8000, 12960), "tag_brand_list": ids(100000, 461497),
                    "pid": pa.array(["430548_1007", "430539_1007"]), "price": pa.array([str(i) for i in range(50)])}
    for name, (values, _) in _PROFILE.items():
        vocabularies[name] = pa.array(values if values[0] == "" else [""] + values)
    return vocabularies


def _calibrate(world: World, seed: int, click_rate: float, buy_rate: float) -> World:
    """Scales the effects to their shares of variance and sets the intercepts, on rows drawn for that alone."""
    rng = np.random.default_rng([seed, 1])
    draws = _draw_entities(world, rng, 200000)
    scaled = {}
    for name, effect in world.effects.items():
        raw = _contribution(world, name, effect, draws)
        target = np.sqrt(_SIGNAL.get(name, 0.0) * np.array([_CLICK_VARIANCE, _BUY_VARIANCE]))
        scaled[name] = effect * (target / np.maximum(raw.std(axis=1), 1e-9))[:, None]
    world = world._replace(effects=scaled)
    click, buy = _logits(world, draws)
    click_intercept = _intercept(click, np.full(len(click), 1.0), click_rate)
    buy_intercept = _intercept(buy, _sigmoid(click + click_intercept), buy_rate / click_rate)
    return world._replace(intercepts=(click_intercept, buy_intercept))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def _intercept(logit: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """The constant that makes the weighted mean probability the rate, by bisection."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        below = np.average(_sigmoid(logit + middle), weights=weights) < rate
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def _draw_entities(world: World, rng: np.random.Generator, size: int) -> Dict[str, np.ndarray]:
    """Who saw which ad where: an index into each scalar column's vocabulary, and the items of the tag lists."""
    user, ad = _draw(rng, world.users, size), _draw(rng, world.ads, size)
    draws = {name: index[user] for name, index in world.user_profile.items()}
    draws.update({name: index[ad] for name, index in world.ad_columns.items()})
    draws["pid"] = (rng.random(size) < 0.39).astype(np.int32)
    lengths, items = _draw_tags(world, rng, size)
    draws["tags"] = lengths
    draws.update({name: index[items] for name, index in world.product_columns.items()})
    return draws


def _draw_tags(world: World, rng: np.random.Generator, size: int) -> Tuple[np.ndarray, np.ndarray]:
    """Lengths of the tag lists [N] and the products in them, in runs: a few products a row, seen again and again."""
    runs = np.where(rng.random(size) < _NO_TAGS, 0, rng.geometric(0.14, size))
    run_lengths = rng.geometric(0.15, runs.sum())
    pool = _draw(rng, world.products, size * 16).reshape(size, 16)
    owner = np.repeat(np.arange(size), runs)
    products = pool[owner, rng.integers(0, 16, len(owner))]
    items, owner = np.repeat(products, run_lengths), np.repeat(owner, run_lengths)
    position = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = position < _MAX_ITEMS
    return np.bincount(owner[kept], minlength=size), items[kept]


def _contribution(world: World, name: str, effect: np.ndarray, draws: Dict[str, np.ndarray]) -> np.ndarray:
    """What one source adds to each row's two logits, float64 [2, N]; a list adds the mean over its items."""
    if name == "age_level x price":
        return effect[:, draws["age_level"] * 5 + draws["price"] // 10]
    if name not in world.product_columns:
        return effect[:, draws[name]]
    lengths = draws["tags"]
    owner = np.repeat(np.arange(len(lengths)), lengths)
    sums = [np.bincount(owner, weights=row[draws[name]], minlength=len(lengths)) for row in effect]
    return np.stack(sums) / np.maximum(lengths, 1)


def _logits(world: World, draws: Dict[str, np.ndarray]) -> np.ndarray:
    """The click and the purchase logit of each row, float64 [2, N]."""
    total = sum(_contribution(world, name, effect, draws) for name, effect in world.effects.items())
    return total + np.array(world.intercepts)[:, None]


def draw_rows(world: World, rng: np.random.Generator, size: int) -> Rows:
    """Draws rows with their labels."""
    draws = _draw_entities(world, rng, size)
    click_logit, buy_logit = _logits(world, draws)
    click = (rng.random(size) < _sigmoid(click_logit)).astype(np.int32)
    buy = click * (rng.random(size) < _sigmoid(buy_logit))
    arrays = {"clk": pa.array(click), "buy": pa.array(buy.astype(np.int32)), "price": pa.array(draws["price"])}
    offsets = pa.array(np.concatenate([[0], np.cumsum(draws["tags"])]).astype(np.int32))
    for name, vocabulary in world.vocabularies.items():
        if name in world.product_columns:
            items = pa.ListArray.from_arrays(offsets, vocabulary.take(pa.array(draws[name])))
            arrays[name] = pa.compute.binary_join(items, "|")
        elif name != "price":
            arrays[name] = vocabulary.take(pa.array(draws[name]))
    return Rows(pa.table([arrays[name] for name in _NAMES], schema=_ARROW_SCHEMA), click_logit, buy_logit)


def _write(world: World, rng: np.random.Generator, size: int, path: str) -> Rows:
    """Writes rows as CSV and Parquet, block by block; returns labels and logits of all, with no other column."""
    parts = []
    with replacing(path) as csv_path, replacing(path + ".parquet") as parquet_path:
        with open(csv_path, "wb") as csv, _parquet_writer(parquet_path) as parquet:
            for start in range(0, size, _BLOCK_ROWS):
                rows = draw_rows(world, rng, min(_BLOCK_ROWS, size - start))
                _write_csv(rows.table, csv)
                parquet.write_table(rows.table, row_group_size=reader.CHUNK_ROWS)
                parts.append(rows._replace(table=rows.table.select(["clk", "buy"])))
    return Rows(pa.concat_tables([part.table for part in parts]),
                *[np.concatenate(logits) for logits in list(zip(*parts))[1:]])


def _write_csv(table: pa.Table, file: object) -> None:
    pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=False, quoting_style="none"))


def _parquet_writer(path: str) -> pa.parquet.ParquetWriter:
    return pa.parquet.ParquetWriter(path, _ARROW_SCHEMA, compression="snappy")


def bayes_auc(rows: Rows) -> Dict[str, Optional[float]]:
    """The AUC that the true probabilities have on the rows' labels; None where a label has one class only."""
    click = rows.table.column("clk").to_numpy()
    both = click * rows.table.column("buy").to_numpy()
    product = -np.logaddexp(0, -rows.click_logit) - np.logaddexp(0, -rows.buy_logit)
    clicked = click == 1
    scores = {"click": metrics.auc(click, rows.click_logit),
              "purchase_given_click": metrics.auc(both[clicked], rows.buy_logit[clicked]),
              "click_and_purchase": metrics.auc(both, product)}
    return {name: None if np.isnan(score) else score for name, score in scores.items()}


def make(rows: int, test_rows: int, seed: int, click_rate: float, buy_rate: float, out: str) -> Dict[str, object]:
    """Writes train and test rows, CSV and Parquet, and what was planted in them as JSON beside the files.

    Returns:
      what the JSON file holds: the arguments, the labels' counts and the Bayes AUC on the test rows.
    """
    world = make_world(seed, click_rate, buy_rate)
    os.makedirs(out, exist_ok=True)
    train = _write(world, np.random.default_rng([seed, 2]), rows, os.path.join(out, SCHEMA.train_file))
    test = _write(world, np.random.default_rng([seed, 3]), test_rows, os.path.join(out, SCHEMA.test_file))
    planted: Dict[str, object] = {"rows": rows, "test_rows": test_rows, "seed": seed, "click_rate": click_rate,
                                  "buy_rate": buy_rate, "bayes_auc": bayes_auc(test)}
    for name, part in (("train", train), ("test", test)):
        planted[name] = {label: int(part.table.column(label).to_numpy().sum()) for label in ("clk", "buy")}
    with replacing(os.path.join(out, "taobao_planted.json")) as path, open(path, "w") as file:
        json.dump(planted, file, indent=2)
    return planted


def convert(source: str, target: str) -> int:
    """Converts CSV to Parquet or back, chunk by chunk; which way, the target's ending says.

    Returns:
      the number of rows.

    Raises:
      BadInput: a row of the source cannot be read; no target is written then.
    """
    count = 0
    with replacing(target) as path:
        if target.endswith(".parquet"):
            with _parquet_writer(path) as parquet:
                for table in _tables(source):
                    parquet.write_table(table)
                    count += table.num_rows
        else:
            with open(path, "wb") as csv:
                for table in _tables(source):
                    _write_csv(table, csv)
                    count += table.num_rows
    return count


def _tables(source: str) -> Iterator[pa.Table]:
    """The chunks of a file as tables of the stored types; every row is checked as training would check it."""
    file = reader.open_file(source, SCHEMA)
    fingerprint = encoder.make_fingerprint()
    for chunk in file.chunks:
        columns = file.read(chunk, _NAMES)
        encoder.encode(source, columns, SCHEMA, fingerprint, encoder.BadRows(0))
        arrays = []
        for field in _ARROW_SCHEMA:
            array = columns.arrays[field.name]
            if pa.types.is_dictionary(array.type):
                array = array.cast(pa.binary()).cast(pa.string())
            if pa.types.is_string(array.type) and pa.types.is_integer(field.type):
                column = next(c for c in SCHEMA.columns if c.name == field.name)
                empty = pa.compute.equal(array, "")
                array = pa.compute.if_else(empty, column.default, pa.compute.utf8_trim_whitespace(array))
            arrays.append(array.cast(field.type))
        yield pa.table(arrays, schema=_ARROW_SCHEMA)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands."""
    parser = argparse.ArgumentParser(description="Makes or converts Taobao rows.")
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    making = commands.add_parser("make", help="write synthetic rows with a planted signal")
    making.add_argument("--rows", type=int, default=500000, help="training rows (default 500000)")
    making.add_argument("--test_rows", type=int, help="test rows (default a fifth of the training rows)")
    making.add_argument("--seed", type=int, default=1, help="seed of everything that is drawn (default 1)")
    making.add_argument("--click_rate", type=float, default=0.053, help="share of rows clicked (default 0.053)")
    making.add_argument("--buy_rate", type=float, default=0.0004, help="share of rows bought (default 0.0004)")
    making.add_argument("--out", default="data", help="folder to write to (default data)")
    converting = commands.add_parser("convert", help="CSV to Parquet, or back where the target ends otherwise")
    converting.add_argument("source", help="the file to read")
    converting.add_argument("target", help="the file to write")
    args = parser.parse_args(argv)
    if args.command == "make":
        test_rows = max(1, args.rows // 5) if args.test_rows is None else args.test_rows
        if args.rows < 1 or test_rows < 1:
            parser.error("--rows and --test_rows must be > 0. Got: {} and {}.".format(args.rows, test_rows))
        if args.seed < 0:
            parser.error("--seed must be >= 0. Got: {}.".format(args.seed))
        if not 0 < args.buy_rate < args.click_rate < 1:
            parser.error("rates must be 0 < --buy_rate < --click_rate < 1. Got: {} and {}.".format(
                args.buy_rate, args.click_rate))
        print(json.dumps(make(args.rows, test_rows, args.seed, args.click_rate, args.buy_rate, args.out), indent=2))
        return 0
    try:
        print("{} rows written to {}".format(convert(args.source, args.target), args.target))
    except (reader.BadInput, OSError) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
