"""Plans: which rows each trainer reads, in which order.

First its legs, pieces of epochs that an earlier start has begun, then whole epochs of its own part.
"""

import json
from typing import Callable, Iterator, List, NamedTuple, Sequence, Tuple

from common.pipeline.identity import Rows
from common.pipeline.row_order import Leg

Count = Callable[[int, int], int]  # (shard, shards) -> the usable rows of that part


class Order(NamedTuple):
    """What the order of rows depends on besides their files.

    Attributes:
      seed, shuffle_rows, any_order: as common.pipeline.blocks.Stream has them.
      by_lines: whether --tf reads them, which mixes them in another order.
    """

    seed: int
    shuffle_rows: int
    any_order: bool
    by_lines: bool

    @classmethod
    def of(cls, seed: int, shuffle_rows: int, any_order: bool, by_lines: bool) -> "Order":
        """The order of these; without shuffling, no seed changes anything."""
        if not shuffle_rows:
            return cls(0, 0, False, by_lines)
        return cls(seed, shuffle_rows, any_order and not by_lines, by_lines)


class Plan(NamedTuple):
    """Which rows each of N trainers reads.

    Attributes:
      rows: which rows they are.
      order: of whole epochs.
      before: rows that were trained of this pass before the plan was made.
      next_epoch: where whole epochs begin.
      legs: of each trainer, read before whole epochs.
    """

    rows: Rows
    order: Order
    before: int
    next_epoch: int
    legs: Tuple[Tuple[Leg, ...], ...]

    @property
    def trainers(self) -> int:
        """How many trainers share the rows."""
        return len(self.legs)

    def to_json(self) -> str:
        """The plan as checkpoints hold it."""
        legs = [[list(leg) for leg in of_trainer] for of_trainer in self.legs]
        fields = {"rows": self.rows._asdict(), "order": self.order._asdict(),
                  "before": self.before, "next_epoch": self.next_epoch, "legs": legs}
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """The plan that to_json has written."""
        fields = json.loads(text)
        legs = [tuple(Leg(*leg) for leg in of_trainer) for of_trainer in fields["legs"]]
        return cls(Rows(**fields["rows"]), Order(**fields["order"]), fields["before"],
                   fields["next_epoch"], tuple(legs))


def rest_of_begun(plan: Plan, trained: Sequence[int], epochs: int,
                  count: Count) -> Tuple[List[Leg], int]:
    """What is left of the epochs that were begun, and the first one that nobody has begun.

    A part that is behind others is read as often as they are, where the run reads a number of
    epochs. Where it makes steps alone, it may be behind by many, as a trainer was lost: then it is
    read once more.
    """
    legs: List[Leg] = []
    ends = []
    for shard in range(plan.trainers):
        rest, end = rest_of(plan, shard, trained[shard], count)
        legs += rest
        ends.append(end)
    next_epoch = max(ends)
    for shard, end in enumerate(ends):
        rows = count(shard, plan.trainers)
        first = end if epochs else max(end, next_epoch - 1)
        legs += [_leg(plan, shard, epoch, 0, rows) for epoch in range(first, next_epoch)]
    return sorted(legs, key=lambda leg: leg.epoch), next_epoch


def rest_of(plan: Plan, trainer: int, trained: int, count: Count) -> Tuple[List[Leg], int]:
    """What a trainer has left of its legs and of the epoch that it has begun.

    Args:
      trained: the rows that it has trained since the plan was made.

    Returns:
      the rows left, and the first epoch of which it has trained nothing.
    """
    rest: List[Leg] = []
    for leg in plan.legs[trainer]:
        size = num_rows(leg)
        done = min(size, trained)
        trained -= done
        if done < size:
            rest.append(leg._replace(low=leg.low + done))
    if rest or not trained:
        return rest, plan.next_epoch
    rows = count(trainer, plan.trainers)
    whole, low = divmod(trained, rows)
    epoch = plan.next_epoch + whole
    if not low:
        return rest, epoch
    return [_leg(plan, trainer, epoch, low, rows)], epoch + 1


def _leg(plan: Plan, shard: int, epoch: int, low: int, high: int) -> Leg:
    order = plan.order
    return Leg(epoch, shard, plan.trainers, low, high, order.seed, order.shuffle_rows,
               order.any_order)


def num_rows(leg: Leg) -> int:
    """The rows of a leg of a plan, whose end is always given."""
    return int(leg.high or 0) - leg.low


def shared_out(legs: Sequence[Leg], trainers: int) -> Iterator[Tuple[Leg, ...]]:
    """The legs of each trainer: pieces, one after another, of equal numbers of rows."""
    total = sum(num_rows(leg) for leg in legs)
    for trainer in range(trainers):
        first = total * trainer // trainers
        end = total * (trainer + 1) // trainers
        yield tuple(_cut(legs, first, end))


def _cut(legs: Sequence[Leg], first: int, end: int) -> Iterator[Leg]:
    """The rows first to before end of the legs, counted over all of them."""
    start = 0
    for leg in legs:
        low = leg.low + max(first - start, 0)
        high = leg.low + min(end - start, num_rows(leg))
        if low < high:
            yield leg._replace(low=low, high=high)
        start += num_rows(leg)
