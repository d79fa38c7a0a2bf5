import threading
import time
from typing import Callable, Dict, List, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import tf_private
from common.kernels import native
from common.kernels.pipeline import work_queue
from common.kernels.pipeline.work_queue import END, ITEM, NOTHING_NOW, Plan, WorkQueue

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)

WORKERS = ("a", "b", "c")
MASK = (1 << 64) - 1


def random_plan(rng: np.random.Generator, epochs: int = 0) -> Plan:
    """A plan of 1 to 12 items of 1 to 9 rows, some of which cannot be used, in 1 to 4 groups."""
    count = int(rng.integers(1, 13))
    lengths = rng.integers(1, 10, count)
    sizes = np.maximum(lengths - rng.integers(0, 3, count), 0)
    sizes[rng.integers(count)] = lengths.min()
    sizes = np.minimum(sizes, lengths)
    groups = np.sort(rng.integers(0, 4, count))
    return Plan(np.concatenate([[0], np.cumsum(lengths)]), sizes, groups, int(rng.integers(0, 99)),
                epochs, bool(rng.integers(0, 4)))


class Model:
    """The queue as a few lines of Python have it; it is never silent."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.epoch = plan, 0
        self.pending: List[List[int]] = []
        self.open: Dict[str, List[List[int]]] = {worker: [] for worker in WORKERS}
        self.taken: List[List[int]] = []
        self.group = dict.fromkeys(WORKERS, -1)

    def order(self, epoch: int) -> List[int]:
        def draw() -> int:
            self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
            z = self._state
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            return z ^ (z >> 31)

        def shuffle(values: List) -> None:
            for i in range(len(values), 1, -1):
                j = draw() % i
                values[i - 1], values[j] = values[j], values[i - 1]

        plan = self.plan
        groups = [[i for i in range(len(plan.sizes)) if plan.groups[i] == group and plan.sizes[i]]
                  for group in sorted(set(plan.groups))]
        self._state = plan.seed
        self._state = draw() ^ epoch
        if plan.shuffled:
            shuffle(groups)
            for group in groups:
                shuffle(group)
        return sum(groups, [])

    def fill(self) -> bool:
        if self.plan.epochs and self.epoch >= self.plan.epochs:
            return False
        self.pending = [[self.epoch, item, 0] for item in self.order(self.epoch)]
        self.epoch += 1
        return True

    def take(self, worker: str) -> Tuple[int, ...]:
        if not self.pending and not self.fill():
            return (NOTHING_NOW if any(
                self.open[w] for w in WORKERS if w != worker) else END, 0, 0, 0)
        groups = [self.plan.groups[item] for _, item, _ in self.pending]
        read = {self.group[w] for w in WORKERS if self.open[w]}
        chosen = [i for i, g in enumerate(groups) if g == self.group[worker]] + [
            i for i, g in enumerate(groups) if g not in read] + [0]
        entry = self.pending.pop(chosen[0])
        self.group[worker] = self.plan.groups[entry[1]]
        self.open[worker].append(entry)
        self.taken.append(entry)
        return (ITEM, *entry)

    def advance(self, worker: str, rows: List[int]) -> int:
        strays = 0
        for row in rows:
            item = int(np.searchsorted(self.plan.bounds, row, "right")) - 1
            entry = next((e for e in self.open[worker] if e[1] == item), None)
            strays += entry is None
            if entry:
                entry[2] += 1
                if entry[2] == self.plan.sizes[item]:
                    self.open[worker] = [e for e in self.open[worker] if e is not entry]
        return strays

    def release(self, worker: str) -> None:
        self.pending = self.open[worker] + self.pending
        self.open[worker], self.group[worker] = [], -1

    def state(self) -> Tuple[int, List[List[int]]]:
        held = [
            e for e in self.taken
            if any(e is other for open in self.open.values() for other in open)
        ]
        unique = [
            e for i, e in reversed(list(enumerate(held)))
            if all(e is not later for later in held[i + 1:])
        ][::-1]
        return self.epoch, [list(e) for e in unique + self.pending]

    def reset(self, epoch: int, left: List[List[int]], skip: int) -> None:
        self.__init__(self.plan)
        self.epoch, self.pending = epoch, [list(e) for e in left]
        while skip:
            if not self.pending and not self.fill():
                return
            if self.pending[0][2] + 1 == self.plan.sizes[self.pending[0][1]]:
                self.pending.pop(0)
            else:
                self.pending[0][2] += 1
            skip -= 1


class Native:
    """The same calls of the ops, in a session of their own."""

    def __init__(self, plan: Plan, silent_secs: float = 60.0) -> None:
        with tf.Graph().as_default():
            self._inputs = [tf.placeholder(tf.int64) for _ in range(4)]
            self.queue = WorkQueue(plan, "", silent_secs)
            self._reset = self.queue.reset(*self._inputs[:3])
            self._take = {w: self.queue.take(w) for w in WORKERS}
            self._advance = {w: self.queue.advance(w, self._inputs[3]) for w in WORKERS}
            self._release = {w: self.queue.release(w) for w in WORKERS}
            self._state = self.queue.state()
            self._init = tf_private.initialize_resources()
            self.not_ready = tf_private.uninitialized_resources()
            self.session = tf.Session(config=tf.ConfigProto(inter_op_parallelism_threads=4))

    def init(self) -> "Native":
        self.session.run(self._init)
        return self

    def take(self, worker: str) -> Tuple[int, ...]:
        return tuple(map(int, self.session.run(self._take[worker])))

    def advance(self, worker: str, rows: List[int]) -> int:
        return int(self.session.run(self._advance[worker], {self._inputs[3]: rows}))

    def release(self, worker: str) -> None:
        self.session.run(self._release[worker])

    def state(self) -> Tuple[int, List[List[int]]]:
        state = self.session.run(self._state)
        return int(state.epoch), state.left.tolist()

    def reset(self, epoch: int, left: List[List[int]], skip: int) -> None:
        self.session.run(self._reset,
                         dict(zip(self._inputs, (epoch, np.reshape(left, [-1, 3]), skip))))


def rows_left(plan: Plan, entry: List[int]) -> List[int]:
    """As many rows of the entry's item as it has left."""
    low = int(plan.bounds[entry[1]])
    return list(range(low, low + int(plan.sizes[entry[1]]) - entry[2]))


@pytest.mark.parametrize("seed", range(12))
def test_is_what_the_model_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plan = random_plan(rng, epochs=int(rng.integers(0, 3)))
    model, queue = Model(plan), Native(plan).init()
    for _ in range(300):
        worker = str(rng.choice(WORKERS))
        kind = rng.choice(["take", "advance", "any rows", "release", "reset", "skip"],
                          p=[.45, .4, .05, .04, .04, .02])
        if kind == "take":
            assert queue.take(worker) == model.take(worker)
        elif kind in ("advance", "any rows"):
            rows = sum([rows_left(plan, entry) for entry in model.open[worker]],
                       [])[:int(rng.integers(0, 12))]
            if kind == "any rows":
                rows = rng.integers(0, plan.bounds[-1], 4).tolist()
            assert queue.advance(worker, rows) == model.advance(worker, rows)
        elif kind == "release":
            queue.release(worker)
            model.release(worker)
        elif kind == "reset":
            queue.reset(*queue.state(), 0)
            model.reset(*model.state(), 0)
        else:
            skip = int(rng.integers(0, 200))
            queue.reset(0, [], skip)
            model.reset(0, [], skip)
        assert queue.state() == model.state()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_item_once_an_epoch_in_another_order_each(workers: int) -> None:
    plan = Plan(np.arange(0, 101, 5), np.full(20, 5), np.arange(20) // 4, 7, 3, True)
    queue = Native(plan).init()
    taken: List[Tuple[int, ...]] = []
    rng = np.random.default_rng(workers)
    while True:
        worker = WORKERS[rng.integers(workers)]
        answer, *entry = queue.take(worker)
        if answer != ITEM:
            break
        taken.append(tuple(entry))
        assert queue.advance(worker, rows_left(plan, entry)) == 0
    assert answer == END and queue.state() == (3, [])
    orders = [[item for epoch, item, _ in taken if epoch == e] for e in range(3)]
    assert [sorted(order) for order in orders] == 3 * [list(range(20))]
    assert orders[0] != orders[1] != orders[2]


def test_in_the_files_order() -> None:
    queue = Native(
        Plan(np.arange(6), np.array([1, 1, 0, 1, 1]), np.array([0, 0, 1, 1, 1]), 7, 1,
             False)).init()
    assert [queue.take("a")[2] for _ in range(4)] == [0, 1, 3, 4]


def test_workers_keep_to_a_part_of_the_file_each_until_the_end() -> None:
    plan = Plan(np.arange(13), np.ones(12), np.arange(12) // 4, 3, 1, True)
    queue = Native(plan).init()
    parts: Dict[str, List[int]] = {"a": [], "b": []}
    for _ in range(4):
        for worker in parts:
            parts[worker].append(queue.take(worker)[2] // 4)
    assert len(set(parts["a"])) == len(set(parts["b"])) == 1 and parts["a"] != parts["b"]
    last = [queue.take(worker)[2] // 4 for worker in ("a", "b", "a", "b")]
    assert set(last) == {0, 1, 2} - set(parts["a"]) - set(parts["b"])


def test_what_is_released_is_given_out_first_with_its_progress() -> None:
    plan = Plan(np.array([0, 10, 20, 30]), np.array([10, 10, 10]), np.zeros(3), 1, 0, False)
    queue = Native(plan).init()
    assert queue.take("a") == (ITEM, 0, 0, 0) and queue.take("a") == (ITEM, 0, 1, 0)
    assert queue.advance("a", list(range(10)) + [10, 11, 12]) == 0
    assert queue.advance("b", [10]) == 1  # b does not have it
    queue.release("a")
    assert queue.take("b") == (ITEM, 0, 1, 3)
    assert queue.advance("a", [13]) == 1  # nor a any more
    assert queue.state() == (1, [[0, 1, 3], [0, 2, 0]])


@pytest.mark.slow
def test_what_a_silent_worker_took_is_given_to_others_when_nothing_is_left() -> None:
    plan = Plan(np.array([0, 10, 20]), np.array([10, 10]), np.zeros(2), 1, 1, False)
    queue = Native(plan, silent_secs=0.5).init()
    assert queue.take("a")[:3] == (ITEM, 0, 0) and queue.advance("a", [0, 1]) == 0
    assert queue.take("b")[:3] == (ITEM, 0, 1)
    assert queue.take("b")[0] == NOTHING_NOW
    time.sleep(0.3)
    queue.advance("a", [])  # still there
    time.sleep(0.3)
    assert queue.take("b")[0] == NOTHING_NOW
    time.sleep(0.6)
    assert queue.take("b") == (ITEM, 0, 0, 2)
    assert queue.advance("a", [2, 3]) == 2
    assert queue.advance("b", list(range(2, 20))) == 0
    assert queue.take("b")[0] == queue.take("a")[0] == END


@pytest.mark.slow
def test_threads_share_it() -> None:
    plan = Plan(np.arange(0, 2001, 2), np.full(1000, 2), np.arange(1000) // 16, 5, 2, True)
    queue = Native(plan).init()
    taken: Dict[str, List[Tuple[int, ...]]] = {worker: [] for worker in WORKERS}

    def work(worker: str) -> None:
        while True:
            answer, *entry = queue.take(worker)
            if answer == END:
                return
            if answer == ITEM:
                taken[worker].append(tuple(entry[:2]))
                assert queue.advance(worker, rows_left(plan, entry)) == 0

    threads = [threading.Thread(target=work, args=(worker,)) for worker in WORKERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sum(taken.values(),
                      [])) == [(epoch, item) for epoch in range(2) for item in range(1000)]
    assert all(taken.values())


def test_it_is_not_ready_before_it_is_set() -> None:
    queue = Native(Plan(np.array([0, 2]), np.array([2]), np.zeros(1), 1, 0, True))
    assert queue.session.run(queue.not_ready).tolist() == [b"ZooWorkQueue:0"]
    calls: List[Callable[[], object]] = [lambda: queue.take("a"), lambda: queue.advance("a", []),
                                         lambda: queue.release("a"), queue.state]
    for call in calls:
        with pytest.raises(tf.errors.FailedPreconditionError,
                           match="was not set yet. The chief's session sets it"):
            call()
    assert not len(queue.init().session.run(queue.not_ready))


@pytest.mark.parametrize("epoch, left, skip, message",
                         [(-1, [], 0, "epoch and skip must be >= 0. Got: -1 and 0"),
                          (0, [], -2, "Got: 0 and -2"),
                          (1, [[1, 0, 0]], 0, "must be of the 1 epochs begun. Got: 1"),
                          (1, [[0, 2, 0]], 0, "there is no item 2 among 2"),
                          (1, [[0, 0, 3]], 0, "of item 0 0 to 2 rows may be done. Got: 3"),
                          (1, [[0, 1, -1]], 0, "Got: -1")])
def test_wrong_states_are_refused_and_change_nothing(epoch: int, left: List[List[int]], skip: int,
                                                     message: str) -> None:
    queue = Native(Plan(np.array([0, 3, 6]), np.array([3, 3]), np.zeros(2), 1, 0, False)).init()
    queue.take("a")
    before = queue.state()
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        queue.reset(epoch, left, skip)
    assert queue.state() == before


def test_wrong_rows_and_shapes_are_refused() -> None:
    queue = Native(Plan(np.array([0, 3]), np.array([3]), np.zeros(1), 1, 0, False)).init()
    queue.take("a")
    for row in (-1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match="a row must be of 0 to 2. Got: {}".format(row)):
            queue.advance("a", [0, row])
    assert queue.state() == (1, [[0, 0, 0]])
    for values, message in (((0, np.zeros([1, 2]), 0), r"left must be \[N, 3\]. Got: \[1,2\]"),
                            (([0], np.zeros([0, 3]), 0), r"epoch must be of shape \[\]"),
                            ((0, np.zeros([0, 3]), [0]), r"skip must be of shape \[\]")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            queue.session.run(queue._reset, dict(zip(queue._inputs, values)))


@pytest.mark.parametrize("change, message", [
    ({"bounds": [0, 3]}, "bounds must be one more than sizes, and groups as many. Got: 2, 2 and 2"),
    ({"groups": [0]}, "Got: 3, 2 and 1"), ({"bounds": [1, 3, 6]}, "bounds must ascend from 0"),
    ({"bounds": [0, 7, 6]}, "bounds must ascend from 0"),
    ({"groups": [1, 0]}, "groups must ascend"),
    ({"sizes": [3, 4]}, "the size of item 1 must be of 0 to 3. Got: 4"),
    ({"sizes": [-1, 3]}, "Got: -1"), ({"sizes": [0, 0]}, "not one item has rows")
])
def test_wrong_plans_are_refused(change: Dict[str, List[int]], message: str) -> None:
    plan = Plan(np.array([0, 3, 6]), np.array([3, 3]), np.zeros(2), 1, 0, False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        Native(plan._replace(**{name: np.array(values) for name, values in change.items()})).init()


def test_seeds_give_orders_of_their_own() -> None:
    plan = Plan(np.arange(41), np.ones(40), np.zeros(40), 1, 0, True)

    def order(seed: int) -> List[int]:
        queue = Native(plan._replace(seed=seed)).init()
        return [queue.take("a")[2] for _ in range(40)]

    assert order(1) == order(1) != order(2)
    assert work_queue.SILENT_SECS == 60
