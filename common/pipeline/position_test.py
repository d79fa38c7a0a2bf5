import json
from typing import Dict, List, Sequence, Tuple

import numpy as np
import pytest

from common.counts import counted
from common.pipeline import position
from common.pipeline.identity import Rows
from common.pipeline.plans import Order, Plan
from common.pipeline.position import Place, Reading, Saved
from common.pipeline.row_order import Leg

ROWS = Rows(2, 1000, "names", "versions")
ORDER = Order.of(3, 100, True, False)
TOTAL = 103


def count(shard: int, shards: int) -> int:
    return TOTAL * (shard + 1) // shards - TOTAL * shard // shards


def reading(**fields: object) -> Reading:
    usual = Reading(ROWS, ORDER, trainers=1, batch_size=10, epochs=0, count=count)
    return usual._replace(**fields)


def saved(place: Place, trained: Sequence[int], step: int = 7) -> Saved:
    return Saved(step, place.plan, tuple(trained))


def rows_of_leg(leg: Leg) -> List[Tuple[int, int]]:
    """(epoch, row of the data) of a leg, in an order that depends on all that a leg names."""
    key = [leg.seed, leg.shuffle_rows, leg.any_order, leg.shard, leg.shards, leg.epoch]
    first = TOTAL * leg.shard // leg.shards
    order = np.random.default_rng(key).permutation(count(leg.shard, leg.shards)) + first
    return [(leg.epoch, int(row)) for row in order[leg.low:leg.high]]


def read(place: Place, trainer: int, until: int) -> List[Tuple[int, int]]:
    """What a trainer reads from where it is, up to an epoch."""
    plan = place.plan
    order = plan.order
    rows = sum([rows_of_leg(leg) for leg in plan.legs[trainer]], [])
    size = count(trainer, plan.trainers)
    for epoch in range(plan.next_epoch, until):
        rows += rows_of_leg(Leg(epoch, trainer, plan.trainers, 0, size, *order[:3]))
    return rows[place.trained[trainer]:]


def times(rows: Sequence[Tuple[int, int]]) -> Dict[Tuple[int, int], int]:
    values, numbers = np.unique(np.array(rows), axis=0, return_counts=True)
    return {tuple(value): number for value, number in zip(values.tolist(), numbers.tolist())}


def test_a_run_without_a_checkpoint_begins_with_the_first_row() -> None:
    place = position.resume(None, reading(trainers=2))
    assert place == (Plan(ROWS, ORDER, 0, 0, ((), ())), (0, 0), "")
    assert place.rows_trained == 0


def test_the_same_order_and_trainers_go_on_where_they_were() -> None:
    first = position.resume(None, reading(trainers=2))
    again = position.resume(saved(first, (30, 20)), reading(trainers=2, batch_size=99, epochs=5))
    assert again == (first.plan, (30, 20), "") and again.rows_trained == 50


def test_a_plan_survives_a_checkpoint() -> None:
    plan = position.resume(saved(position.resume(None, reading(trainers=3)), (7, 40, 0)),
                           reading(trainers=2)).plan
    assert plan.legs[0] and Plan.from_json(plan.to_json()) == plan
    assert isinstance(json.loads(plan.to_json()), dict)


@pytest.mark.parametrize("epochs", [0, 4])
@pytest.mark.parametrize("numbers", [(1, 2), (2, 1), (4, 3, 50, 1), (50, 4)])
def test_other_numbers_of_trainers_read_each_row_once(numbers: Sequence[int], epochs: int) -> None:
    random = np.random.default_rng(1)
    place = position.resume(None, reading(trainers=numbers[0], epochs=epochs))
    seen: List[Tuple[int, int]] = []
    until = 4
    for trainers in (*numbers[1:], None):
        trained = []
        for trainer in range(place.plan.trainers):
            ahead = read(place, trainer, until)
            steps = int(random.integers(0, min(len(ahead), 30) + 1))
            if trainers is None:
                steps = len(ahead)
            seen += ahead[:steps]
            trained.append(place.trained[trainer] + steps)
        if trainers is None:
            break
        place = position.resume(saved(place, trained), reading(trainers=trainers, epochs=epochs))
        assert place.rows_trained == len(seen)
        assert counted(trainers, "trainer") + " in place of" in place.note
    numbers_read = times(seen)
    assert max(numbers_read.values()) == 1
    if epochs:
        assert len(numbers_read) == until * TOTAL
    else:
        assert len(numbers_read) > (until - 2) * TOTAL


def test_a_part_that_is_behind_is_read_as_often_where_epochs_are_counted() -> None:
    first = position.resume(None, reading(trainers=2))
    checkpoint = saved(first, (51 * 3 + 5, 10))
    by_epochs = position.resume(checkpoint, reading(epochs=9))
    legs, = by_epochs.plan.legs
    assert by_epochs.plan.next_epoch == 4
    assert [(leg.shard, leg.epoch, leg.low, leg.high) for leg in legs] == [
        (1, 0, 10, 52), (1, 1, 0, 52), (1, 2, 0, 52), (0, 3, 5, 51), (1, 3, 0, 52)]
    by_steps = position.resume(checkpoint, reading())
    assert [(leg.shard, leg.epoch, leg.low) for leg in by_steps.plan.legs[0]] == [
        (1, 0, 10), (0, 3, 5), (1, 3, 0)]


def test_another_seed_reads_the_rest_of_the_epoch_in_the_order_that_it_began() -> None:
    first = position.resume(None, reading())
    place = position.resume(saved(first, [103 + 40]), reading(order=ORDER._replace(seed=9)))
    assert place.plan.legs == ((Leg(1, 0, 1, 40, 103, 3, 100, True),),)
    assert (place.plan.next_epoch, place.plan.before, place.trained) == (2, 143, (0,))
    assert place.note == ("another order of rows: what is left of the epochs begun, 63 rows, is "
                          "read first")


def test_no_seed_changes_the_order_of_the_files() -> None:
    assert Order.of(1, 0, True, False) == Order.of(2, 0, False, False)


@pytest.mark.parametrize("rows, difference", [
    (Rows(3, 1000, "n", "v"), "2 files of 1,000 bytes, now 3 files of 1,000 bytes"),
    (Rows(2, 1000, "n", "versions"), "2 files of 1,000 bytes of other names or sizes"),
    (Rows(2, 1000, "names", "v"), "2 files of 1,000 bytes, written anew since"),
])
def test_other_rows_are_a_new_pass(rows: Rows, difference: str) -> None:
    first = position.resume(None, reading())
    for checkpoint in (saved(first, [40]), Saved(7, queue_rows=ROWS, queue_trained=40)):
        place = position.resume(checkpoint, reading(rows=rows))
        assert (place.trained, place.plan.rows, place.rows_trained) == ((0,), rows, 0)
        assert place.note == (
            "the checkpoint of step 7 was trained with other rows ({}): the new ones are read from "
            "their first, as a new pass".format(difference))


def test_a_copy_of_the_files_elsewhere_holds_the_same_rows() -> None:
    first = position.resume(None, reading())
    for rows, trained in ((ROWS._replace(versions_digest="v"), (40,)),
                          (ROWS._replace(names_digest="n"), (0,))):
        copied = reading(rows=rows, has_own_copy=True)
        assert position.resume(saved(first, [40]), copied).trained == trained


def test_a_checkpoint_of_an_earlier_version_goes_on_behind_the_rows_of_its_steps() -> None:
    place = position.resume(Saved(7), reading(trainers=2))
    assert place.trained == (30, 30)
    assert "step 7 does not say which rows were trained, as an earlier version" in place.note
    assert "behind 30 rows, 10 for each" in place.note


@pytest.mark.parametrize("trainers", [1, 2, 3])
def test_what_a_work_queue_has_trained_counts(trainers: int) -> None:
    place = position.resume(Saved(7, queue_rows=ROWS, queue_trained=103 + 50),
                            reading(trainers=trainers))
    assert place.rows_trained == 153
    for trainer, trained in enumerate(place.trained):
        share = 153 * count(trainer, trainers) / 103
        assert abs(trained - share) <= 1
    assert "with --workqueue: training resumes behind 153 rows, in another order" in place.note


def test_a_switch_between_two_epochs_reads_no_row_twice() -> None:
    place = position.resume(Saved(7, queue_rows=ROWS, queue_trained=206), reading(trainers=2))
    assert place.note.endswith("with --workqueue: training resumes behind 206 rows, whole epochs")
    assert position.rows_left(place, reading(trainers=2, epochs=3)) == [51, 52]
    first = position.resume(None, reading(trainers=2))
    for trained, end in (((102, 104), "206 rows, whole epochs"), ((103, 103), "not at all")):
        rows, note = position.resume_queue(saved(first, trained), reading(trainers=2, epochs=3))
        assert rows == 206 and note.endswith(end)
    by_tf = Order.of(3, 100, True, True)
    one = position.resume(None, reading())
    assert position.resume(saved(one, [206]), reading(order=by_tf)).note == ""


def test_tf_reads_as_many_rows_in_its_own_order_and_says_so() -> None:
    first = position.resume(None, reading())
    place = position.resume(saved(first, [40]), reading(order=Order.of(3, 100, True, True)))
    assert place.trained == (40,) and place.plan.order.by_lines
    assert place.note == ("with --tf rows come in another order: some rows of the current epoch "
                          "are read twice and others not at all")
    unshuffled = position.resume(None, reading(order=Order.of(3, 0, True, False)))
    place = position.resume(saved(unshuffled, [40]), reading(order=Order.of(3, 0, True, True)))
    assert (place.trained, place.note) == ((40,), "")


@pytest.mark.parametrize("shuffle_rows, trainers, legs", [
    (100, 1, ()), (0, 2, ()), (0, 1, (Leg(0, high=50), ))])
def test_tf_in_the_files_order_says_where_rows_came_in_another_before(
        shuffle_rows: int, trainers: int, legs: Tuple[Leg, ...]) -> None:
    order = Order.of(3, shuffle_rows, True, False)
    plan = Plan(ROWS, order, 0, int(bool(legs)), trainers * (legs,))
    before = Saved(7, plan, trainers * (40,))
    place = position.resume(before, reading(order=Order.of(3, 0, True, True)))
    assert place.note.endswith("with --tf rows come in another order: some rows of the current "
                               "epoch are read twice and others not at all")


def test_the_rows_left_of_some_epochs() -> None:
    first = position.resume(None, reading())
    wanted = reading(epochs=10)
    place = position.resume(saved(first, [386]), wanted)  # 3.75 epochs
    assert position.rows_left(place, wanted) == [1030 - 386]
    assert position.steps_left(place, wanted) == 65
    assert position.steps_left(place, wanted._replace(batch_size=2048)) == 1
    assert position.rows_left(place, reading(epochs=3)) == [0]
    two = reading(trainers=2, epochs=5)
    shared = position.resume(saved(first, [386]), two)
    assert sum(position.rows_left(shared, two)) == 515 - 386
    assert position.steps_left(position.resume(None, two), two) == 26 + 26
