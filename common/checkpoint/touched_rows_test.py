"""Increments of a small graph."""

import glob
import os
from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.checkpoint import increment_files, increment_hook
from common.checkpoint.generations import Contribution, Generations
from common.errors import BadInput
from common.kernels import native
from common.kernels.embedding import lookup as lookup_kernel
from common.process import rehearsal
from common.testing.increments import ROWS, WIDTH, State, Toy, assert_same
from common.tf_private import SaveableObject, SaveSpec


def keys(increment: str) -> List[int]:
    return tf.train.load_variable(increment, "table" + increment_files.KEYS).tolist()


OPTIMIZERS = ["adagrad", "adamasync", "adagraddecay", "gradientdescent"]


@pytest.mark.slow
@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_restored_bit_by_bit_and_cumulative(optimizer: str, slices: int, tmp_path: object) -> None:
    toy = Toy(tmp_path, optimizer, slices).start()
    toy.step(1, 1, 25)
    assert keys(toy.increment()) == [1, 25] if slices == 1 else [
        1, 25, 40
    ]  # a slice without any gives its first row
    toy.step(59)
    newest = toy.increment()
    assert set(keys(newest)) >= {1, 25, 59} and len(keys(newest)) <= 4
    expected = toy.state()
    toy.step(2)
    again = Toy(tmp_path, optimizer, slices).restart()
    assert_same(again.state(), expected)
    # What was restored counts as touched, and the next one has it too.
    again.step(30)
    assert set(keys(again.increment())) >= {1, 25, 30, 59}
    assert_same(Toy(tmp_path, optimizer, slices).restart().state(), again.state())


@pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_rows_that_native_ops_look_up_and_update(optimizer: str, tmp_path: object) -> None:
    def look_up(table: tf.Variable, ids: tf.Tensor) -> tf.Tensor:
        """Two lookups, whose gradients are joined."""
        halves = [
            lookup_kernel.lookup([table], [lookup_kernel.Lookup(0, part)])
            for part in (ids[:1], ids[1:])
        ]
        return tf.concat(halves, axis=0)

    toy = Toy(tmp_path, optimizer, look_up=look_up).start()
    toy.step(1, 1, 25)
    toy.step(59)
    assert keys(toy.increment()) == [1, 25, 59]
    assert_same(Toy(tmp_path, optimizer).restart().state(), toy.state())


@pytest.mark.slow
@pytest.mark.parametrize("before, after", [(1, 3), (3, 1), (3, 2)])
def test_restored_in_other_slices(before: int, after: int, tmp_path: object) -> None:
    toy = Toy(tmp_path, slices=before).start()
    for row in (0, 19, 20, 29, 30, 40, 59):
        toy.step(row)
    toy.increment()
    other = Toy(tmp_path, slices=after).restart()

    def whole(state: State, slot: str) -> np.ndarray:
        return np.concatenate([
            state[name]
            for name in sorted(state)
            if name.startswith("table") and ("Adagrad" in name) == bool(slot)
        ])

    for slot in ("", "Adagrad"):
        np.testing.assert_array_equal(whole(other.state(), slot), whole(toy.state(), slot))
    assert other.session.run(other.global_step) == 7


def test_names_and_shapes(tmp_path: object) -> None:
    toy = Toy(tmp_path).start()
    toy.step(7, 3)
    held = dict(tf.train.list_variables(toy.increment()))
    assert held == {
        "table-sparse_incr_keys": [2], "table-sparse_incr_values": [2, WIDTH], "global_step": [],
        "table/Adagrad-sparse_incr_values": [2, WIDTH], "kernel": [WIDTH, 1],
        "kernel/Adagrad": [WIDTH, 1], "incremental_base": []
    }
    full = dict(tf.train.list_variables(toy.path + "-0"))
    assert sorted(full) == ["global_step", "kernel", "kernel/Adagrad", "table", "table/Adagrad"]


def test_adam_moves_all_rows_and_has_its_tables_whole(tmp_path: object,
                                                      capsys: pytest.CaptureFixture) -> None:
    toy = Toy(tmp_path, "adam").start()
    toy.step(1)
    toy.step(2)
    held = dict(tf.train.list_variables(toy.increment()))
    assert held["table"] == held["table/Adam"] == [ROWS, WIDTH
                                                   ] and "table" + increment_files.KEYS not in held
    assert_same(Toy(tmp_path, "adam").restart().state(), toy.state())
    with toy._graph.as_default():
        increment_hook.SaveEvery(toy.saver, 1, 10).begin()
    printed = capsys.readouterr().err
    assert "moves all rows of a table in each step" in printed
    assert "so increments hold all 1 tables whole" in printed


def test_a_full_checkpoint_ends_what_increments_hold(tmp_path: object) -> None:
    toy = Toy(tmp_path).start()
    toy.step(1)
    toy.increment()
    toy.step(2)
    toy.full()
    expected = toy.state()
    assert_same(Toy(tmp_path).restart().state(), expected)  # the older increment is left alone
    toy.step(3)
    assert keys(toy.increment()) == [3]
    assert_same(Toy(tmp_path).restart().state(), toy.state())


@pytest.mark.slow
@pytest.mark.parametrize("slices", [1, 3])
def test_rows_touched_while_a_full_checkpoint_is_saved(slices: int, tmp_path: object,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Toy(tmp_path, slices=slices).start()
    save = tf.train.Saver.save

    def save_between_steps(*args: object, **kwargs: object) -> str:
        toy.step(4)
        path = save(*args, **kwargs)
        toy.step(5)
        return path

    toy.step(3)
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Saver, "save", save_between_steps)
        toy.full()
    assert {4, 5} <= set(keys(toy.increment()))
    assert_same(Toy(tmp_path, slices=slices).restart().state(), toy.state())


def test_a_full_checkpoint_that_fails_does_not_end_what_increments_hold(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "no space left")

    toy = Toy(tmp_path).start()
    toy.step(3)
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Saver, "save", fail)
        with pytest.raises(BadInput, match="there is no space for a checkpoint.* no space left"):
            toy.full()
    toy.step(4)
    assert keys(toy.increment()) == [3, 4]
    assert_same(Toy(tmp_path).restart().state(), toy.state())


def test_an_earlier_generation_does_not_take_a_mark_back(tmp_path: object) -> None:
    """As with a worker that read the generation, was overtaken by a full checkpoint, and then
    marked.
    """
    toy = Toy(tmp_path,
              server=tf.train.Server({"ps": ["127.0.0.1:{}".format(*rehearsal.free_ports(1))]},
                                     "ps")).start()
    toy.step(3)
    now = toy.tracked.generations.current
    marks, = [v for v in toy.tracked.variables if v.op.name == "increments/table"]
    earlier = int(toy.session.run(now)) - 1
    toy.session.run(toy.train_op, {toy.ids: [3], toy._graph.get_tensor_by_name(now.name): earlier})
    assert toy.session.run(marks)[3] == earlier + 1


def test_smaller_than_a_full_checkpoint_and_only_the_newest_are_kept(tmp_path: object) -> None:
    toy = Toy(tmp_path, keep=2).start()
    for row in range(4):
        toy.step(row)
        newest = toy.increment()
    kept = glob.glob(os.path.join(os.path.dirname(newest), "*.index"))
    assert len(kept) == 2 and newest + ".index" in kept

    def size(prefix: str) -> int:
        return sum(os.path.getsize(path) for path in glob.glob(prefix + ".data*"))

    assert size(newest) < size(toy.path + "-0") / 3


def test_none_without_news(tmp_path: object) -> None:
    toy = Toy(tmp_path).start()
    path = toy.increment()
    assert not os.path.exists(path + ".index")


def test_a_server_that_forgot(tmp_path: object) -> None:
    """The variables of this module alone are gone, as with the server that had them."""
    toy = Toy(tmp_path).start()
    toy.step(3)
    toy.increment()
    expected = toy.state()
    toy.restart()  # in a session that has everything
    assert_same(toy.state(), expected)
    toy.step(4)
    assert keys(toy.increment()) == [3, 4]
    toy.full()
    toy.step(5)
    assert keys(toy.increment()) == [5]


class Counter(SaveableObject):
    """Contributes how far a variable has moved since 100."""

    def __init__(self, variable: tf.Variable) -> None:
        super().__init__(variable, [SaveSpec(variable - 100.0, "", "counter-incr")], "counter")

    def restore(self, restored_tensors: List[tf.Tensor], restored_shapes: None) -> tf.Operation:
        return self.op.assign(restored_tensors[0] + 100.0)


def test_contributions_of_others(tmp_path: object) -> None:
    def extend(generations: Generations) -> List[Contribution]:
        variable = tf.get_variable("counter", initializer=107.0)
        return [Contribution([variable], Counter(variable), lambda now: tf.no_op())]

    toy = Toy(tmp_path, extend=extend).start()
    toy.step(3)
    held = dict(tf.train.list_variables(toy.increment()))
    assert "counter-incr" in held and "counter" not in held
    assert_same(Toy(tmp_path, extend=extend).restart().state(), toy.state())
