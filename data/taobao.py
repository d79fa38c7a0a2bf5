"""The Taobao data set of ESMM, MMoE and PLE: its schema, its synthetic rows and its conversion.

    python data/taobao.py make --rows 500000 --seed 1 --out data
    python data/taobao.py make --days 2026-11-01..2026-11-30 --drift 0.05 --rows 20000 --out days
    python data/taobao.py convert taobao_train_data taobao_train_data.parquet

Columns and sizes are those of EasyRec's Taobao data; the marginals of the synthetic rows were
fitted to it. data/README.md describes the planted signal and defines the Bayes AUC.
"""

import functools
import itertools
import os
import sys
from typing import Dict, List, Optional, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from common.files import write_json  # noqa: E402
from data import command, planted, ragged, taobao_days, taobao_world  # noqa: E402
from data.command import Rate  # noqa: E402
from data.conversion import arrow_schema  # noqa: E402
from data.planted import Rows, draw_labels  # noqa: E402
from data.taobao_days import Change  # noqa: E402
from data.taobao_world import World  # noqa: E402

SCHEMA = Schema(
    name="taobao",
    columns=(
        Column("clk", "label", task="click", role="click"),
        Column("buy", "label", task="purchase", role="purchase"),
        Column("pid", "hash", 10, "combo"),
        Column("adgroup_id", "hash", 100000, "item"),
        Column("cate_id", "hash", 10000, "item"),
        Column("campaign_id", "hash", 100000, "item"),
        Column("customer", "hash", 100000, "item"),
        Column("brand", "hash", 100000, "item", default="NULL"),
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
    # The published text has NULL where the published Parquet files have a blank. Only brands are
    # ever NULL, so with it as their default the ids of text are what they always were.
    missing=("NULL", " "),
)


def draw_rows(world: World, rng: Generator, size: int) -> Rows:
    """Draws rows with their labels."""
    draws = taobao_world.draw_entities(world, rng, size)
    click_logit, buy_logit = taobao_world.logits(world, draws)
    click = draw_labels(rng, click_logit)
    buy = click * draw_labels(rng, buy_logit)
    arrays = {
        "clk": pa.array(click),
        "buy": pa.array(buy),
    }
    offsets = ragged.offsets(draws["tags"])
    for name, vocabulary in world.vocabularies.items():
        index = pa.array(draws[name])
        texts = vocabulary.take(index)
        if name in world.product_columns:
            lists = pa.ListArray.from_arrays(offsets, texts)
            texts = pc.binary_join(lists, "|")
        arrays[name] = texts
    arrays["price"] = pa.array(draws["price"])
    stored = arrow_schema(SCHEMA)
    columns = [arrays[name] for name in stored.names]
    table = pa.table(columns, schema=stored)
    return Rows(table, {"click": click_logit, "purchase": buy_logit})


def bayes_auc(rows: Rows) -> Dict[str, Optional[float]]:
    """The AUC of the true probabilities on the rows' labels; None where a label has one class."""
    click_logit = rows.logits["click"]
    buy_logit = rows.logits["purchase"]
    click = rows.table.column("clk").to_numpy()
    both = click * rows.table.column("buy").to_numpy()
    clicked = click == 1
    log_click = -np.logaddexp(0, -click_logit)
    log_buy = -np.logaddexp(0, -buy_logit)
    auc_of_both = planted.auc(both, log_click + log_buy)
    return {
        "click": planted.auc(click, click_logit),
        "purchase": auc_of_both,
        "purchase_given_click": planted.auc(both[clicked], buy_logit[clicked]),
        "click_and_purchase": auc_of_both,
    }


def make(
        rows: int,
        test_rows: int,
        seed: int,
        click_rate: float,
        buy_rate: float,
        out: str,
) -> Dict[str, object]:
    """Writes training and test rows, as CSV and as Parquet, and a JSON report of what was planted.

    Returns:
      what the JSON file holds: the arguments, the labels' counts and the test rows' Bayes AUC.

    Raises:
      ValueError: not 0 < buy_rate < click_rate < 1.
    """
    world = taobao_world.make_world(seed, click_rate, buy_rate)
    draw_world = functools.partial(draw_rows, world)
    train, test = planted.make_files(SCHEMA, draw_world, rows, test_rows, seed, out)
    return planted.write_report(
        SCHEMA,
        train,
        test,
        bayes_auc(test),
        out,
        seed=seed,
        click_rate=click_rate,
        buy_rate=buy_rate,
    )


def make_days(
        days: Sequence[str],
        rows: int,
        seed: int,
        click_rate: float,
        buy_rate: float,
        drift: float,
        new_ids: float,
        out: str,
) -> Dict[str, object]:
    """Writes a folder of rows for each day, as Parquet, and a JSON report of what was planted.

    Args:
      days: in their order, as 2026-11-01.
      rows: of each day.
      drift, new_ids: as Change of taobao_days has them.

    Returns:
      what the JSON file holds: the arguments, and each day's labels' counts and Bayes AUC.

    Raises:
      ValueError: rates, drift or new_ids that cannot be.
    """
    worlds = taobao_days.worlds(seed, click_rate, buy_rate, Change(drift, new_ids))
    first = next(worlds)  # raises before anything is written
    os.makedirs(out, exist_ok=True)
    planted.refuse_other_days(SCHEMA, out, days)
    records = []
    for number, (day, world) in enumerate(zip(days, itertools.chain([first], worlds))):
        folder = os.path.join(out, planted.DAY_FOLDER.format(day))
        draw_world = functools.partial(draw_rows, world)
        drawn = planted.make_day(SCHEMA, draw_world, [seed, 2, number], rows, folder)
        records.append({"day": day, "rows": rows, "bayes_auc": bayes_auc(drawn),
                        **planted.count_labels(drawn.table)})
    report: Dict[str, object] = dict(
        seed=seed, click_rate=click_rate, buy_rate=buy_rate, drift=drift, new_ids=new_ids,
        days=records)
    write_json(planted.days_report_path(SCHEMA, out), report)
    return report


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    rates = {
        "click_rate": Rate(0.053, "share of rows clicked"),
        "buy_rate": Rate(0.0004, "share of rows bought"),
    }
    return command.run(argv, SCHEMA, 500000, rates, make, make_days)


if __name__ == "__main__":
    sys.exit(main())
