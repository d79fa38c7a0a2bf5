import os
from typing import Dict, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import runner
from common.config.toggles import Toggles
from common.errors import BadInput, NanLoss
from common.formats import csv_file
from common.formats.files import Files
from common.kernels import native
from common.naming.named_files import NamedFile
from common.pipeline import feed, queue_graph, source, work_queue
from common.rows import reading_of
from common.testing import many_files, runs, toy
from common.testing.jobs import cluster_of
from common.testing.runs import (TEST, TRAIN, Params, make_run, rows_by_step, start_child, train,
                                 wait_for)

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
EPOCH = list(range(400))


def run_rows(folder: object, data: source.Data, **kwargs: object) -> List[int]:
    """The rows of a run with a queue, in order."""
    fields = dict(dict(workqueue=True, evaluate=False), **kwargs)
    train(folder, data, Params(os.path.join(str(folder), "log")), **fields)
    return sum(rows_by_step(folder), [])


def weights(folder: object) -> Dict[str, np.ndarray]:
    checkpoint = tf.train.load_checkpoint(os.path.join(str(folder), "run"))
    names = set(checkpoint.get_variable_to_shape_map()) - {"work_queue/rows"}
    return {name: checkpoint.get_tensor(name) for name in names}


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("trainers, max_rows", [(1, 50), (2, 25), (8, 6)])
def test_items_are_several_a_trainer_and_hold_each_row_once(tmp_path: object, parquet: bool,
                                                            trainers: int, max_rows: int) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST, parquet)
    items = work_queue.make_items(data.train, data, make_run(tmp_path,
                                                             cluster=cluster_of(trainers)))
    plan = items.plan
    assert items.max_rows == max_rows and len(items.parts) >= 8 * trainers and plan.epochs == 0
    assert plan.bounds[0] == 0 and plan.bounds[-1] == 400 and (np.diff(plan.bounds)
                                                               == plan.sizes).all()
    assert 0 < plan.sizes.min() and plan.sizes.max() <= max_rows
    for part, low, group in zip(items.parts, plan.bounds, plan.groups):
        assert part.chunk == data.train.chunks[group] and part.chunk.first_row + part.low == low


def test_items_have_no_more_than_16384_rows_and_none_that_cannot_be_used(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = toy.random_rows(1, 400)
    for bad in (0, 7, 399):
        rows[bad] = ["2"] * 7
    data = toy.open_toy(tmp_path, rows, TEST, max_bad_rows=3)
    plan = work_queue.make_items(data.train, data, make_run(tmp_path)).plan
    assert plan.sizes.tolist() == [48] + 6 * [50] + [49]
    chunk = data.train.chunks[0]._replace(num_rows=10 ** 6)
    large = Files([NamedFile(data.train.path)], data.schema)
    monkeypatch.setattr(large, "chunks_of", lambda number: [chunk])
    items = work_queue.make_items(large, data, make_run(tmp_path))
    assert items.max_rows == 16384 and len(items.parts) == 62


def test_the_identity_tells_items_from_others(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    runs = [make_run(tmp_path), make_run(tmp_path, seed=4), make_run(tmp_path, shuffle_rows=0),
            make_run(tmp_path, cluster=cluster_of(2))]
    identities = {work_queue.make_items(data.train, data, run).identity for run in runs}
    other = toy.open_toy(tmp_path, TRAIN[:-1], TEST)
    identities.add(work_queue.make_items(other.train, other, runs[0]).identity)
    assert len(identities) == 5
    queue = work_queue.RunQueue(runs[3], data, reading_of(runs[3], data))
    assert queue.described() == "16 items of at most 25 rows, on ps-0"


@pytest.mark.slow
@pytest.mark.parametrize("parquet, smartstaged", [(False, True), (True, False)])
def test_every_row_once_an_epoch_in_another_order_each(tmp_path: object, parquet: bool,
                                                       smartstaged: bool,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 130)
    data = toy.open_toy(tmp_path, TRAIN, TEST, parquet)
    rows = run_rows(tmp_path, data, steps=75, toggles=Toggles(smartstaged=smartstaged))
    epochs = [rows[i:i + 400] for i in (0, 400, 800)]
    assert [sorted(epoch) for epoch in epochs] == 3 * [EPOCH]
    assert epochs[0] != epochs[1] != epochs[2] and epochs[0][:50] != sorted(epochs[0][:50])


@pytest.mark.slow
@pytest.mark.parametrize("num_files, kinds", [(3, "c"), (3, "pc"), (40, "cpp")])
def test_the_rows_of_many_files_come_once_an_epoch(num_files: int, kinds: str,
                                                   tmp_path: object) -> None:
    sizes = many_files.uneven_sizes(num_files, 400)
    data = many_files.open_files(tmp_path, many_files.write_files(tmp_path, sizes, kinds))
    rows = run_rows(tmp_path, data, steps=50)
    assert sorted(rows[:400]) == sorted(rows[400:]) == many_files.numbers_of(sizes)
    assert rows[:400] != rows[400:]


@pytest.mark.slow
def test_whole_epochs_end_with_the_last_row(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    rows = run_rows(tmp_path, data, steps=-(-2 * 400 // 48), epochs=2, batch_size=48)
    assert [len(batch) for batch in rows_by_step(tmp_path)] == [48] * 16 + [32]
    assert sorted(rows) == sorted(2 * EPOCH)
    assert weights(tmp_path)["work_queue/left"].shape == (
        0, 3) and weights(tmp_path)["work_queue/epoch"] == 2


@pytest.mark.slow
def test_without_shuffling_rows_keep_the_files_order(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    assert run_rows(tmp_path, data, steps=50, shuffle_rows=0) == 2 * EPOCH


@pytest.mark.slow
def test_bad_rows_are_left_out_and_those_behind_them_are_not(tmp_path: object) -> None:
    rows = toy.random_rows(1, 400)
    for bad in (3, 77, 78, 399):
        rows[bad] = ["2"] * 7
    data = toy.open_toy(tmp_path, rows, TEST, max_bad_rows=4)
    seen = run_rows(tmp_path, data, steps=99, epochs=4, batch_size=16)
    assert sorted(seen) == sorted(4 * [row for row in EPOCH if row not in (3, 77, 78, 399)])


@pytest.mark.slow
@pytest.mark.parametrize("at", [5, 26, 40])
def test_same_seed_same_rows_and_weights_also_in_two_runs(tmp_path: object, at: int) -> None:
    folders = [os.path.join(str(tmp_path), name) for name in ("whole", "parts", "other")]
    for folder in folders:
        os.mkdir(folder)
    whole, parts, other = [toy.open_toy(folder, TRAIN, TEST) for folder in folders]
    expected = run_rows(folders[0], whole, steps=50)
    run_rows(folders[1], parts, steps=at)
    assert run_rows(folders[1], parts, steps=50) == expected
    assert run_rows(folders[2], other, steps=50, seed=4) != expected
    ours, theirs = weights(folders[1]), weights(folders[0])
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


@pytest.mark.slow
def test_a_checkpoint_without_a_queue_goes_on_with_one_and_the_other_way_round(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    run_rows(tmp_path, data, steps=10, workqueue=False)
    rows = run_rows(tmp_path, data, steps=50)
    assert ("was trained without --workqueue: training resumes behind 160 rows, in another order"
            in capsys.readouterr().out)
    assert len(set(rows[160:400])) == 240 and sorted(rows[400:800]) == EPOCH
    assert sorted(run_rows(tmp_path, data, steps=75, workqueue=False)[800:]) == EPOCH
    run_rows(tmp_path, data, steps=80, seed=4)
    # the queue of step 50 is gone with its checkpoint
    assert "without --workqueue: training resumes behind 1,200" in capsys.readouterr().out
    run_rows(tmp_path, data, steps=100, seed=5)
    assert "has a work queue of other items (400 rows in" in capsys.readouterr().err


@pytest.mark.slow
def test_one_thread_for_ops_is_enough(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    rows = run_rows(tmp_path, data, steps=25, inter=1, intra=1, toggles=Toggles(smartstaged=True))
    assert sorted(rows) == EPOCH


@pytest.mark.slow
def test_few_items_are_taken_ahead(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: List[feed.Item] = []
    real = feed.Line.answer
    monkeypatch.setattr(feed.Line, "answer", lambda self, item:
                        (taken.append(item), real(self, item)))
    data = toy.open_toy(tmp_path, toy.random_rows(1, 4000), TEST)
    run_rows(tmp_path, data, steps=20, toggles=Toggles(smartstaged=True))
    assert 1 <= len(taken) <= 3  # 320 of the 500 rows of the first


@pytest.mark.slow
def test_errors_end_the_run_with_their_message(tmp_path: object,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    bad = toy.random_rows(1, 400)
    bad[7][0] = "2"
    with pytest.raises(BadInput, match="row 8, column 'y'"):
        run_rows(tmp_path, toy.open_toy(tmp_path, bad, TEST), steps=40)

    def fail(*_: object) -> None:
        raise RuntimeError("the thread broke")

    monkeypatch.setattr(queue_graph.Taking, "_answer_all", fail)
    with pytest.raises(RuntimeError, match="^the thread broke$"):
        run_rows(tmp_path, toy.open_toy(tmp_path, TRAIN, TEST), steps=40)


@pytest.mark.slow
def test_a_loss_that_is_no_number_names_the_rows_of_its_batch(tmp_path: object) -> None:
    def model_fn(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor], mode: str,
                 params: Params) -> tf.estimator.EstimatorSpec:
        spec = runs.model_fn(features, labels, mode, params)
        step = tf.identity(tf.train.get_or_create_global_step())
        return spec._replace(loss=tf.where(step >= 30, float("nan"), spec.loss))

    data = toy.open_toy(tmp_path, TRAIN, TEST)
    run = make_run(tmp_path, steps=40, workqueue=True, evaluate=False)
    with pytest.raises(NanLoss) as raised:
        runner.train_and_evaluate(run, data, model_fn, Params(os.path.join(str(tmp_path), "log")),
                                  ["y"])
    last = rows_by_step(tmp_path)[-1]
    assert ": {}. Look".format(", ".join(str(row + 1) for row in last)) in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("number, save_steps, status", [(9, 10, -9), (15, 0, 143)])
def test_stopped_and_started_again_every_row_once_an_epoch(tmp_path: object, number: int,
                                                           save_steps: int, status: int) -> None:
    toy.open_toy(tmp_path, TRAIN, TEST)
    process = start_child(tmp_path, steps=75, save_steps=save_steps, workqueue=True, evaluate=False)
    wait_for(tmp_path, 37)
    process.send_signal(number)
    assert process.wait() == status and "Traceback" not in process.output(), process.output()
    again = start_child(tmp_path, steps=75, save_steps=save_steps, workqueue=True, evaluate=False)
    assert again.wait() == 0, again.output()
    rows = sum(rows_by_step(tmp_path), [])
    for epoch in range(3):
        assert sorted(rows[epoch * 400:(epoch + 1) * 400]) == EPOCH
