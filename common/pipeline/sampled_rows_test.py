import os
from typing import Any, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import rows as rows_of
from common.config.toggles import Toggles
from common.pipeline import features, sampled_rows, source
from common.pipeline.source import Data
from common.testing import runs, toy

TRAIN = toy.random_rows(1, 20)
TEST = toy.random_rows(2, 130)


def places_of(data: Data, size: int, seed: int = 3) -> List[int]:
    """The numbers among all test rows of those that are sampled."""
    assert data.test
    sample = sampled_rows.of_files(data.test, data, size, seed)
    assert sample
    files = data.test
    return [files.rows_before(int(row) >> 40) + int(row) % (1 << 40) for row in sample.rows]


def users(data: Data, size: int) -> List[int]:
    assert data.test
    sample = sampled_rows.of_files(data.test, data, size, 3)
    assert sample
    block = features.concat(list(sample.blocks()))
    assert block.rows.tolist() == sample.rows.tolist()
    return block.users.tolist()


@pytest.mark.parametrize("num_rows, size", [(10, 1), (10, 10), (7, 6), (3_000_000, 5000)])
def test_rows_are_chosen_once_each_and_ascend(num_rows: int, size: int) -> None:
    chosen = sampled_rows.choose(num_rows, size, 1)
    assert len(chosen) == size and chosen[0] >= 0 and chosen[-1] < num_rows
    assert (np.diff(chosen) > 0).all()
    assert chosen.tolist() == sampled_rows.choose(num_rows, size, 1).tolist()


def test_each_row_has_the_same_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled_rows, "_ROWS_AT_A_TIME", 7)
    counts = np.zeros(20)
    pairs = 0
    for seed in range(2000):
        chosen = sampled_rows.choose(20, 5, seed)
        counts[chosen] += 1
        pairs += int({0, 19} <= set(chosen.tolist()))
    # Binomial of 2000 draws at 1/4: the deviation is 19.4; of pairs at 5 * 4 / (20 * 19): 9.7.
    assert np.abs(counts - 500).max() < 4.5 * 19.4
    assert abs(pairs - 2000 / 19) < 4.5 * 9.7


def test_text_and_parquet_one_file_and_many_have_the_same_rows(tmp_path: Any) -> None:
    folders = [tmp_path / name for name in ("text", "parquet", "many")]
    for folder in folders:
        folder.mkdir()
    text = toy.open_toy(folders[0], TRAIN, TEST)
    parquet = toy.open_toy(folders[1], TRAIN, TEST, parquet=True)
    for number, part in enumerate((TEST[:40], [], TEST[40:41], TEST[41:])):
        toy.write_parquet(str(folders[2] / "part-{}.parquet".format(number)), part)
    many = source.open_data(
        str(folders[0]), toy.SCHEMA, True, 0, False, eval_files=str(folders[2]))
    places = places_of(text, 30)
    assert places == places_of(parquet, 30) == places_of(many, 30)
    assert places != places_of(text, 30, seed=4)
    wanted = users(text, 30)
    assert wanted == users(parquet, 30) == users(many, 30)
    ids = [TEST[place][2] for place in places]
    assert len(set(wanted)) == len(set(ids))


def test_bad_rows_are_not_chosen(tmp_path: Any) -> None:
    rows = [list(row) for row in TEST]
    for place in (0, 5, 129):
        rows[place][0] = "2"
    data = toy.open_toy(tmp_path, TRAIN, rows, max_bad_rows=3)
    assert places_of(data, 126) == sorted(set(places_of(data, 126)) - {0, 5, 129})
    assert len(users(data, 126)) == 126


def test_as_many_rows_as_there_are_is_no_sample(tmp_path: Any) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    assert data.test
    assert sampled_rows.of_files(data.test, data, 130, 3) is None
    assert sampled_rows.of_files(data.test, data, 129, 3)
    without = rows_of.evaluation_sample(runs.make_run(tmp_path), data)
    assert without is None


def test_the_rows_are_read_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    assert data.test
    sample = sampled_rows.of_files(data.test, data, 30, 3)
    assert sample
    before = [block.users.tolist() for block in sample.blocks()]
    os.remove(data.test.paths[0])
    assert [block.users.tolist() for block in sample.blocks()] == before


@pytest.mark.parametrize("is_tf", [False, True])
def test_batches_hold_the_sampled_rows_each_time(tmp_path: Any, is_tf: bool) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    run = runs.make_run(
        tmp_path, eval_rows=30, toggles=Toggles(tf=is_tf), batch_size=16)
    sample = rows_of.evaluation_sample(run, data)
    assert sample
    places = places_of(data, 30)
    for _ in range(2):
        labels, sizes = _labels(rows_of.evaluation_input(run, data, sample))
        assert labels == [float(TEST[place][0]) for place in places]
        assert sizes == [16, 14]


def _labels(input_fn: Any) -> Any:
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(input_fn())
        _, batch = iterator.get_next()
        session.run([iterator.initializer, tf.tables_initializer()])
        labels: List[float] = []
        sizes = []
        try:
            while True:
                values = session.run(batch["y"]).tolist()
                labels += values
                sizes.append(len(values))
        except tf.errors.OutOfRangeError:
            return labels, sizes
