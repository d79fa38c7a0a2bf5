"""Where training is in its rows: what a checkpoint holds of it, and how another start resumes.

A plan (common.pipeline.plans) says which rows each trainer reads, in which order. How many rows
each trainer has trained since the plan was made is counted in addition. Both together are a place
that depends on no batch size and no step. With another number of trainers or another order of rows,
a new plan shares out what is left of the epochs that were begun.
"""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from common.counts import counted
from common.pipeline import plans
from common.pipeline.identity import Rows
from common.pipeline.plans import Count, Order, Plan
from common.pipeline.row_order import Leg


class Saved(NamedTuple):
    """What a checkpoint says of the rows that were trained.

    Attributes:
      step: the global step.
      plan, trained: as Place has them; no plan where the checkpoint is of an earlier version or of
        a work queue.
      queue_rows, queue_trained: which rows a work queue gave out, and how many were trained; None
        and 0 where the checkpoint has none, or one of an earlier version.
    """

    step: int
    plan: Optional[Plan] = None
    trained: Tuple[int, ...] = ()
    queue_rows: Optional[Rows] = None
    queue_trained: int = 0

    @property
    def rows(self) -> Optional[Rows]:
        """The rows that it was trained with, None where it does not say."""
        return self.plan.rows if self.plan else self.queue_rows

    @property
    def rows_trained(self) -> int:
        """How many rows of the pass were trained, by all trainers."""
        if self.plan:
            return self.plan.before + sum(self.trained)
        return self.queue_trained


class Reading(NamedTuple):
    """How this start reads its rows.

    Attributes:
      rows, order: which, and in which order.
      trainers: how many share them.
      batch_size: rows a step.
      epochs: how often the rows are read; 0 for no end.
      count: gives the usable rows of a part.
      has_own_copy: whether this process may have copied the files, so that their times tell
        nothing; its chief compares them.
    """

    rows: Rows
    order: Order
    trainers: int
    batch_size: int
    epochs: int
    count: Count
    has_own_copy: bool = False

    def reads_others_than(self, rows: Rows) -> bool:
        """Whether the rows are others than those."""
        if self.has_own_copy:
            return self.rows.names_digest != rows.names_digest
        return self.rows != rows


class Place(NamedTuple):
    """Where training resumes.

    Attributes:
      plan: which rows each trainer reads.
      trained: how many rows of it each has trained.
      note: what people should know of it; empty where the place is the checkpoint's own.
    """

    plan: Plan
    trained: Tuple[int, ...]
    note: str = ""

    @property
    def rows_trained(self) -> int:
        """How many rows of the pass were trained, by all trainers."""
        return self.plan.before + sum(self.trained)


def resume(saved: Optional[Saved], reading: Reading) -> Place:
    """Where training resumes after a checkpoint; None for a run without one."""
    if saved is None:
        return _fresh(reading)
    if saved.rows is None:
        return _behind_steps(saved, reading)
    new_pass = _note_of_new_pass(saved, reading)
    if new_pass:
        return _fresh(reading)._replace(note=new_pass)
    if saved.plan is None:
        return _behind_queue(saved, reading)
    if saved.plan.trainers == reading.trainers and saved.plan.order == reading.order:
        return Place(saved.plan, saved.trained)
    return _planned_anew(saved.plan, saved.trained, reading)


def _note_of_new_pass(saved: Saved, reading: Reading) -> str:
    """What people should know where the rows are others than those of the checkpoint."""
    if saved.rows is None or not reading.reads_others_than(saved.rows):
        return ""
    note = ("the checkpoint of step {} was trained with other rows ({}): the new ones are read "
            "from their first, as a new pass")
    return note.format(saved.step, reading.rows.difference(saved.rows))


def resume_queue(saved: Optional[Saved], reading: Reading) -> Tuple[int, str]:
    """How many rows of this pass a work queue leaves out, and what people should know of it.

    It counts where the checkpoint has no queue, or one with other items.
    """
    if saved is None:
        return 0, ""
    new_pass = _note_of_new_pass(saved, reading)
    if new_pass:
        return 0, new_pass
    if saved.rows is None:
        rows = saved.step * reading.batch_size
        note = ("the checkpoint of step {} does not say which rows were trained, as an earlier "
                "version saved it: training resumes behind {:,} rows, {} for each step")
        return rows, note.format(saved.step, rows, reading.batch_size)
    if saved.plan is None:
        return saved.queue_trained, ""
    legs, _ = plans.rest_of_begun(saved.plan, saved.trained, reading.epochs, reading.count)
    return saved.rows_trained, _note_of_switch("without", saved, is_whole=not legs)


def _fresh(reading: Reading) -> Place:
    """The first row of each trainer's part."""
    plan = Plan(reading.rows, reading.order, 0, 0, reading.trainers * ((),))
    return Place(plan, reading.trainers * (0,))


def _behind_steps(saved: Saved, reading: Reading) -> Place:
    """Where each trainer would be if all were equally fast and every step had as many rows."""
    rows = saved.step // reading.trainers * reading.batch_size
    note = ("the checkpoint of step {} does not say which rows were trained, as an earlier version "
            "saved it: each trainer resumes behind {:,} rows, {} for each of its steps")
    note = note.format(saved.step, rows, reading.batch_size)
    return _fresh(reading)._replace(trained=reading.trainers * (rows,), note=note)


def _behind_queue(saved: Saved, reading: Reading) -> Place:
    """As many rows of each part as were trained from a work queue."""
    counts = [reading.count(shard, reading.trainers) for shard in range(reading.trainers)]
    epoch, rest = divmod(saved.queue_trained, sum(counts))
    bounds = [0]
    for rows in counts:
        bounds.append(bounds[-1] + rows)
    trained = []
    for shard, rows in enumerate(counts):
        low, high = (bound * rest // sum(counts) for bound in bounds[shard:shard + 2])
        trained.append(epoch * rows + high - low)
    note = _note_of_switch("with", saved, is_whole=not rest)
    return _fresh(reading)._replace(trained=tuple(trained), note=note)


def _note_of_switch(how: str, saved: Saved, is_whole: bool) -> str:
    """What people should know of a switch to a work queue or from one.

    Args:
      how: "with" or "without" it the checkpoint was trained.
      is_whole: whether each row was trained as often as all others.
    """
    order = "whole epochs" if is_whole else "in another order, so " + _MIXED
    return ("the checkpoint of step {} was trained {} --workqueue: training resumes behind {:,} "
            "rows, {}".format(saved.step, how, saved.rows_trained, order))


_MIXED = "some rows of the current epoch are read twice and others not at all"


def _planned_anew(plan: Plan, trained: Sequence[int], reading: Reading) -> Place:
    """A plan that shares out what is left of the epochs that were begun."""
    if plan.order.by_lines != reading.order.by_lines:
        return _read_otherwise(plan, trained, reading)
    legs, next_epoch = plans.rest_of_begun(plan, trained, reading.epochs, reading.count)
    before = plan.before + sum(trained)
    shared = tuple(plans.shared_out(legs, reading.trainers))
    anew = Plan(reading.rows, reading.order, before, next_epoch, shared)
    return Place(anew, reading.trainers * (0,), _what_changed(plan, reading, legs))


def _read_otherwise(plan: Plan, trained: Sequence[int], reading: Reading) -> Place:
    """The same numbers of rows in the order of --tf, or back in that of the columnar path."""
    by_lines, any_order = reading.order.by_lines, reading.order.any_order
    order = plan.order._replace(by_lines=by_lines, any_order=any_order)
    place = resume(Saved(0, plan._replace(order=order), tuple(trained)), reading)
    path = "with --tf" if reading.order.by_lines else "without --tf"
    note = "{} rows come in another order: {}".format(path, _MIXED)
    if _is_in_files_order(plan, reading) or _is_between_epochs(plan, trained, reading):
        return place
    return place._replace(note="; ".join(filter(None, [place.note, note])))


def _is_in_files_order(plan: Plan, reading: Reading) -> bool:
    """Whether rows were read in the order of the files and are to be, which is the same for --tf.
    """
    was_mixed = plan.order.shuffle_rows > 0 or plan.trainers > 1 or bool(plan.legs[0])
    return not was_mixed and not reading.order.shuffle_rows and reading.trainers == 1


def _is_between_epochs(plan: Plan, trained: Sequence[int], reading: Reading) -> bool:
    """Whether one trainer has read whole epochs, and is the only one again."""
    if plan.trainers > 1 or reading.trainers > 1:
        return False
    rest, _ = plans.rest_of(plan, 0, trained[0], reading.count)
    return not rest


def _what_changed(plan: Plan, reading: Reading, legs: Sequence[Leg]) -> str:
    """What people should know of a new plan."""
    changes = []
    if plan.trainers != reading.trainers:
        changes.append("{} in place of {}".format(
            counted(reading.trainers, "trainer"), plan.trainers))
    if plan.order != reading.order:
        changes.append("another order of rows")
    rows = sum(plans.num_rows(leg) for leg in legs)
    return "{}: what is left of the epochs begun, {}, is read first".format(
        " and ".join(changes), counted(rows, "row"))


def rows_left(place: Place, reading: Reading) -> List[int]:
    """How many rows each trainer has left of the epochs that it is to read."""
    return [_left_of(place, reading, trainer) for trainer in range(place.plan.trainers)]


def _left_of(place: Place, reading: Reading, trainer: int) -> int:
    rest, end = plans.rest_of(place.plan, trainer, place.trained[trainer], reading.count)
    left = sum(plans.num_rows(leg) for leg in rest if leg.epoch < reading.epochs)
    whole = max(reading.epochs - end, 0)
    if not whole:
        return left
    return left + whole * reading.count(trainer, place.plan.trainers)


def steps_left(place: Place, reading: Reading) -> int:
    """How many steps the rows left make; the last one of each trainer may be smaller."""
    steps = [-(-rows // reading.batch_size) for rows in rows_left(place, reading)]
    return sum(steps)
