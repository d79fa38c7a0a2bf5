from typing import Any, List

import numpy as np
import pytest

from common.pipeline import blocks, features
from common.pipeline.features import Block
from common.pipeline.row_order import Stream
from common.scoring import shuffled
from common.scoring.shuffled import Unit
from common.testing import toy
from data import amazon, taobao


@pytest.fixture
def block(tmp_path: Any) -> Block:
    """130 toy rows."""
    data = toy.open_toy(tmp_path, toy.random_rows(2, 130), toy.random_rows(1, 20))
    return features.concat(list(blocks.read_blocks(data.train, data, Stream(16), ahead=False)))


def lists(block: Block) -> List[List[int]]:
    ragged, = block.lists
    return [part.tolist() for part in np.split(ragged.values, ragged.row_splits[1:-1])]


def test_aligned_lists_are_one_unit() -> None:
    names = [unit.name for unit in shuffled.units(amazon.SCHEMA)]
    assert names == ["user", "item", "category", "history_items+history_categories"]
    both = shuffled.units(amazon.SCHEMA, ["history_categories"])
    assert both == [Unit(("history_items", "history_categories"))]
    tags = shuffled.units(taobao.SCHEMA, ["tag_brand_list", "tag_category_list"])
    assert len(tags) == 2  # lists that are not aligned


@pytest.mark.parametrize("name, message", [
    ("y", "--columns y: it is of kind 'label', and no model takes it. Columns that one takes: "
     "user, kind, size, tags"),
    ("extra", "--columns extra: it is of kind 'unused'"),
    ("none", "--columns none: the schema of the run has no such column. It has user, "),
])
def test_columns_that_no_model_takes_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shuffled.units(toy.SCHEMA, ["user", name])


def test_one_column_comes_from_other_rows_and_all_else_stays(block: Block) -> None:
    unit = Unit(("kind",))
    order = shuffled.order_of(unit, 0, toy.SCHEMA, 130, 1)
    changed = shuffled.block_of(block, unit, order, toy.SCHEMA)
    assert sorted(order) == list(range(130)) and order.tolist() != list(range(130))
    assert changed.ids[:, 1].tolist() == block.ids[order, 1].tolist()
    for place in (0, 2):
        assert changed.ids[:, place].tolist() == block.ids[:, place].tolist()
    for name in ("rows", "labels", "users"):
        assert np.array_equal(getattr(changed, name), getattr(block, name))
    assert lists(changed) == lists(block)


def test_a_list_moves_whole(block: Block) -> None:
    unit = Unit(("tags",))
    order = shuffled.order_of(unit, 0, toy.SCHEMA, 130, 1)
    changed = shuffled.block_of(block, unit, order, toy.SCHEMA)
    before = lists(block)
    assert lists(changed) == [before[row] for row in order]
    assert changed.ids is block.ids


def test_the_order_depends_on_column_repeat_and_seed_alone() -> None:
    def order(name: str, repeat: int, seed: int) -> List[int]:
        return shuffled.order_of(Unit((name,)), repeat, toy.SCHEMA, 50, seed).tolist()

    first = order("user", 0, 1)
    assert first == order("user", 0, 1)
    for other in (order("kind", 0, 1), order("user", 1, 1), order("user", 0, 2)):
        assert other != first


def test_slices_hold_all_rows(block: Block) -> None:
    parts = list(shuffled.slices(block, 50))
    assert [len(part.rows) for part in parts] == [50, 50, 30]
    assert np.concatenate([part.rows for part in parts]).tolist() == block.rows.tolist()
