import os
import shutil
import subprocess
from typing import Dict, List, Optional, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.tables import Admission, Eviction
from common.kernels import native
from common.kernels.embedding import table
from common.kernels.embedding.table import Contents

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)

WIDTH = 3
DEFAULTS = np.random.RandomState(0).rand(4, WIDTH).astype(np.float32)
SLOTS = {
    "gradientdescent": [], "adagrad": 3 * [0.1], "adam": 6 * [0.0],
    "adagraddecay": [0.1, 0.1, 0.1, 0.0]
}
HYPER = {"gradientdescent": [0.5], "adagrad": [0.5], "adam": [0.5, 0.9, 0.99, 1e-8],
         "adagraddecay": [0.5, 0.9, 0.1, 2.0]}


class Model:
    """What a table should do, one key at a time, in float64."""

    def __init__(self, rule: str, admit_at: int = 0) -> None:
        self.rule, self.admit_at = rule, admit_at
        self.rows: Dict[int, np.ndarray] = {}
        self.counts: Dict[int, int] = {}
        self.versions: Dict[int, int] = {}

    def gather(self, key: int) -> np.ndarray:
        if key in self.rows:
            return self.rows[key][:WIDTH]
        return np.zeros(WIDTH) if self.admit_at > 1 else DEFAULTS[key % 4]

    def update(self, key: int, count: int, g: np.ndarray, step: int) -> None:
        self.counts[key] = self.counts.get(key, 0) + count
        self.versions[key] = step
        if key not in self.rows:
            if self.counts[key] < self.admit_at:
                return
            self.rows[key] = np.concatenate([DEFAULTS[key % 4],
                                             SLOTS[self.rule]]).astype(np.float64)
        w, kept, hyper = self.rows[key][:WIDTH], self.rows[key][WIDTH:], HYPER[self.rule]
        if self.rule == "gradientdescent":
            w -= hyper[0] * g
        elif self.rule == "adam":
            m, v = kept[:WIDTH], kept[WIDTH:]
            m[:] = hyper[1] * m + (1 - hyper[1]) * g
            v[:] = hyper[2] * v + (1 - hyper[2]) * g * g
            w -= hyper[0] * m / (np.sqrt(v) + hyper[3])
        else:
            if self.rule == "adagraddecay" and hyper[3] > kept[WIDTH]:
                kept[:WIDTH] = np.maximum(kept[:WIDTH] * hyper[1], hyper[2])
                kept[WIDTH] += 1
            kept[:WIDTH] += g * g
            w -= hyper[0] * g / np.sqrt(kept[:WIDTH])


class Native:
    """A table of a session."""

    def __init__(self, rule: str, admission: Admission = Admission()) -> None:
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.handle = table.handle("t")
            self.keys, self.counts = [tf.placeholder(tf.int64, [None]) for _ in range(2)]
            self.gradient = tf.placeholder(tf.float32, [None, WIDTH])
            self.step = tf.placeholder(tf.int64, [])
            self.make = table.make(self.handle, tf.constant(DEFAULTS), SLOTS[rule], admission)
            self.rows = table.gather(self.handle, self.keys, WIDTH)
            self.updated = table.update(self.handle, self.keys, self.counts, self.gradient,
                                        self.step, rule, HYPER[rule])
            self.size = table.size(self.handle)
            self.session = tf.Session()
            self.session.run(self.make)

    def update(self, keys: List[int], counts: List[int], gradient: np.ndarray, step: int) -> None:
        self.session.run(
            self.updated,
            {self.keys: keys, self.counts: counts, self.gradient: gradient, self.step: step})

    def gather(self, keys: List[int]) -> Tuple[np.ndarray, np.ndarray]:
        return self.session.run(self.rows, {self.keys: keys})

    def export(self, step: int = 0, since: int = 0, eviction: Eviction = Eviction()) -> Contents:
        with self.graph.as_default():
            return self.session.run(
                table.export(self.handle, tf.constant(step, tf.int64), since, eviction))

    def restore(self, contents: Contents, part: int = 0, parts: int = 1,
                generation: int = 0) -> None:
        with self.graph.as_default():
            self.session.run(
                table.restore(self.handle, Contents(*[tf.constant(array) for array in contents]),
                              part, parts, generation))


def trained(rule: str, admit_at: int = 0, steps: int = 40, keys: int = 50,
            seed: int = 1) -> Tuple[Native, Model]:
    random = np.random.RandomState(seed)
    one, model = Native(rule, Admission(admit_at)), Model(rule, admit_at)
    for step in range(steps):
        batch = random.choice(keys, random.randint(0, 20), replace=False).astype(np.int64) * 7919
        counts, gradient = random.randint(1, 4, len(batch)), random.randn(len(batch), WIDTH)
        one.update(batch, counts, gradient, step)
        for args in zip(batch.tolist(), counts.tolist(), gradient):
            model.update(*args, step)
    return one, model


@pytest.mark.parametrize("rule", table.RULES)
@pytest.mark.parametrize("admit_at", [0, 5])
def test_does_what_a_plain_model_does(rule: str, admit_at: int) -> None:
    one, model = trained(rule, admit_at)
    keys = [key * 7919 for key in range(60)]
    values, admitted = one.gather(keys)
    np.testing.assert_allclose(values, [model.gather(key) for key in keys], rtol=2e-4, atol=1e-5)
    assert admitted.tolist() == [key in model.rows for key in keys]
    kept = one.export()
    assert dict(zip(kept.keys.tolist(),
                    kept.freqs.tolist())) == {key: model.counts[key] for key in model.rows}
    assert dict(zip(kept.keys.tolist(),
                    kept.versions.tolist())) == {key: model.versions[key] for key in model.rows}
    waiting = {key: count for key, count in model.counts.items() if key not in model.rows}
    assert dict(zip(kept.keys_filtered.tolist(), kept.freqs_filtered.tolist())) == waiting
    for key, value, slots in zip(kept.keys.tolist(), kept.values, kept.slots):
        np.testing.assert_allclose(np.concatenate([value, slots]), model.rows[key], rtol=2e-4,
                                   atol=1e-5)


def test_a_key_is_admitted_in_the_update_that_reaches_the_frequency() -> None:
    one = Native("gradientdescent", Admission(3))
    gradient = np.ones([1, WIDTH])
    one.update([6], [2], gradient, 0)
    assert one.gather([6])[0].tolist() == [WIDTH * [0.0]]
    one.update([6], [1], gradient, 1)
    np.testing.assert_allclose(one.gather([6])[0][0], DEFAULTS[2] - 0.5)


def test_a_bloom_filter_admits_no_key_late_and_few_early() -> None:
    one = Native("gradientdescent", Admission(3, counters=9586, hashes=7))  # for 1000 keys, 1 %
    random = np.random.RandomState(3)
    keys = random.randint(0, 1 << 62, 1000)
    for step in range(2):
        one.update(keys, np.ones(1000), np.zeros([1000, WIDTH]), step)
    early = one.gather(keys)[1].sum()
    assert early <= 30
    assert one.session.run(one.size)[1] == 0  # what waits takes no memory of its own
    one.update(keys, np.ones(1000), np.zeros([1000, WIDTH]), 2)
    assert one.gather(keys)[1].all()
    again = Native("gradientdescent", Admission(3, counters=9586, hashes=7))
    none = np.zeros(0, np.int64)
    no_rows = np.zeros([0, WIDTH], np.float32)
    again.restore(one.export()._replace(keys=none, values=no_rows, freqs=none, versions=none))
    again.update(keys[:5], np.ones(5), np.zeros([5, WIDTH]), 3)
    assert again.gather(keys[:5])[1].all()  # the counters were restored


def test_initial_rows_are_taken_as_they_are() -> None:
    one = Native("adagrad", Admission(2))
    with one.graph.as_default():
        update = table.update(one.handle, tf.constant([5], tf.int64), tf.constant([1], tf.int64),
                              tf.ones([1, WIDTH]), tf.constant(0, tf.int64), "adagrad",
                              HYPER["adagrad"], tf.constant([[7.0, 8.0, 9.0]]))
    one.session.run(update)
    assert not one.gather([5])[1][0]
    one.session.run(update)
    assert one.gather([5])[0].tolist() == [[7.0, 8.0, 9.0]]
    one.session.run(update)
    np.testing.assert_allclose(
        one.gather([5])[0], [np.array([7.0, 8.0, 9.0]) - 0.5 / np.sqrt(1.1)], rtol=1e-6)


@pytest.mark.parametrize("admit_at", [0, 5])
@pytest.mark.parametrize("parts_before, parts", [(1, 1), (1, 3), (2, 3), (3, 1)])
def test_parts_hold_together_what_other_parts_held(admit_at: int, parts_before: int,
                                                   parts: int) -> None:
    whole, _ = trained("adagrad", admit_at)
    saved = whole.export()
    before = [Native("adagrad", Admission(admit_at)) for _ in range(parts_before)]
    for part, one in enumerate(before):
        one.restore(saved, part, parts_before)
    after = [Native("adagrad", Admission(admit_at)) for _ in range(parts)]
    for part, one in enumerate(after):
        for other in before:
            one.restore(other.export(), part, parts)
    found = [one.export() for one in after]
    for part, one in enumerate(found):
        assert set(one.keys % 1000 % parts) <= {part}
    for keys, fields in (("keys", ("values", "slots", "freqs", "versions")),
                         ("keys_filtered", ("freqs_filtered", "versions_filtered"))):
        order = np.argsort(np.concatenate([getattr(one, keys) for one in found]))
        expected = np.argsort(getattr(saved, keys))
        for field in fields:
            np.testing.assert_array_equal(
                np.concatenate([getattr(one, field) for one in found])[order],
                getattr(saved, field)[expected])


def test_without_slots_rows_start_with_new_ones() -> None:
    one = Native("adagrad")
    one.restore(trained("gradientdescent")[0].export()._replace(slots=np.zeros([0, 0], np.float32)))
    assert (one.export().slots == np.float32(0.1)).all()


def test_rows_that_were_marked_since() -> None:
    one, model = trained("adagrad")
    assert not len(one.export(since=1).keys)
    with one.graph.as_default():
        for generation, keys in ((2, [0, 7919]), (3, [7919]), (1, [7919, 2 * 7919, 5])):
            one.session.run(
                table.mark(one.handle, tf.constant(keys, tf.int64), tf.constant(generation)))
    for since, expected in ((1, [0, 7919, 2 * 7919]), (2, [0, 7919]), (3, [7919]), (4, [])):
        assert sorted(
            one.export(since=since).keys) == [key for key in expected if key in model.rows]
    whole = one.export()
    again = Native("adagrad")
    again.restore(whole, generation=7)
    assert len(again.export(since=7).keys) == len(
        whole.keys) and not len(again.export(since=8).keys)


def test_what_was_not_updated_for_long_is_evicted_and_starts_anew() -> None:
    one = Native("gradientdescent")
    for step, key in enumerate((1, 2, 3)):
        one.update([key], [1], np.ones([1, WIDTH]), step)
    gone = one.export(11, eviction=Eviction("gstep", steps_to_live=10))
    assert sorted(gone.keys) == [2, 3]  # 11 - 1 > 10 is false: strictly more
    np.testing.assert_allclose(one.gather([1])[0], [DEFAULTS[1]])
    assert one.session.run(one.size)[0] == 2
    one.update([1], [1], np.ones([1, WIDTH]), 13)
    again = one.export()
    assert dict(zip(again.keys.tolist(), again.freqs.tolist())) == {1: 1, 2: 1, 3: 1}


def test_a_key_without_a_version_is_given_that_of_the_first_eviction() -> None:
    one = Native("gradientdescent")
    row, slots = np.ones([1, WIDTH], np.float32), np.zeros([0, 0], np.float32)
    filtered = 3 * [np.zeros(0, np.int64)]
    counters = np.zeros(0, np.uint8)
    one.restore(Contents(np.array([4]), row, slots, np.array([1]), np.array([-1]), *filtered,
                         counters))
    for step, left in ((100, [4]), (110, [4]), (111, [])):
        assert one.export(step, eviction=Eviction("gstep", steps_to_live=10)).keys.tolist() == left


def test_half_the_squared_norm_decides() -> None:
    one = Native("gradientdescent")
    values = np.array([[1, 1, 0], [1, 0.9, 0]], np.float32)  # half the squared norm: 1 and 0.905
    one.restore(
        Contents(np.array([8, 9]), values, np.zeros([0, 0], np.float32), np.ones(2, np.int64),
                 np.ones(2, np.int64), *3 * [np.zeros(0, np.int64)], np.zeros(0, np.uint8)))
    assert one.export(eviction=Eviction("l2", l2_threshold=1.0)).keys.tolist() == [8]


def test_many_keys_come_and_go() -> None:
    one = Native("gradientdescent")
    keys = np.arange(200000) * 977 + (1 << 40)
    for step in range(4):
        part = keys[step * 50000:(step + 1) * 50000]
        one.update(part, np.ones(len(part)), np.zeros([len(part), WIDTH]), step)
        assert one.gather(part)[1].all()
    rows, waiting, size = one.session.run(one.size)
    assert rows == 200000 and waiting == 0 and size / rows < 120
    left = one.export(5, eviction=Eviction("gstep", steps_to_live=2))
    np.testing.assert_array_equal(np.sort(left.keys), keys[150000:])
    one.update(keys[:100000], np.ones(100000), np.zeros([100000, WIDTH]), 6)
    assert one.session.run(one.size)[2] <= 1.2 * size  # the memory of what is gone is used again
    assert one.gather(keys)[1].sum() == 150000


def distinct_of(lists: List[List[int]], times: Optional[List[List[int]]] = None) -> Tuple:
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(table.distinct([tf.constant(one, tf.int64) for one in lists],
                                          [tf.constant(one, tf.int64) for one in times or []]))


def test_distinct_keys() -> None:
    keys, counts, index = distinct_of([[5, 1 << 62, 5], [], [7, 5]])
    assert keys.tolist() == [5, 1 << 62, 7] and counts.tolist() == [3, 1, 1]
    assert [one.tolist() for one in index] == [[0, 1, 0], [], [2, 0]]
    assert distinct_of([[4, 2], [2]], [[10, 20], [3]])[1].tolist() == [10, 23]
    assert distinct_of([[]])[0].tolist() == []


@pytest.mark.parametrize("size", [128, 129, 520, 20000])
def test_many_distinct_keys(size: int) -> None:
    given = np.random.default_rng(size).integers(0, size // 2,
                                                 [2, size]) * 987654321012345 % (1 << 62)
    keys, counts, index = distinct_of(given.tolist())
    expected, first, times = np.unique(given.reshape(-1), return_index=True, return_counts=True)
    order = np.argsort(first)
    np.testing.assert_array_equal(keys, expected[order])
    np.testing.assert_array_equal(counts, times[order])
    np.testing.assert_array_equal(keys[np.array(index)], given)


@pytest.mark.parametrize("feed, message", [
    ({"counts": [1]}, r"count must be of shape \[2\]. Got: \[1\]"),
    ({"gradient": np.zeros([1, WIDTH])}, r"gradient must be of shape \[2,3\]. Got: \[1,3\]"),
])
def test_updates_that_do_not_fit(feed: Dict[str, object], message: str) -> None:
    one = Native("adagrad")
    given = {"keys": [1, 2], "counts": [1, 1], "gradient": np.zeros([2, WIDTH]), "step": 0, **feed}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        one.update(**given)  # type: ignore[arg-type]
    assert not len(one.export().keys)


def test_other_wrong_uses() -> None:
    one = Native("adagrad")
    with one.graph.as_default():
        two = tf.constant([1, 2], tf.int64)
        wrong = {
            "the table's width is 3. Asked for: 4": lambda: table.gather(
                one.handle, tf.constant([1], tf.int64), 4),
            "was made with 3 numbers of slots a row, adam needs 6": lambda: table.update(
                one.handle, one.keys, one.counts, one.gradient, one.step, "adam", HYPER["adam"]),
            "hyper must be of shape": lambda: table.update(
                one.handle, one.keys, one.counts, one.gradient, one.step, "adagrad", [1.0, 2.0]),
            "part must be < 2. Got: 2": lambda: table.restore(
                one.handle, table.export(one.handle, one.step), 2, 2),
            "value must be of shape": lambda: table.restore(
                one.handle,
                table.export(one.handle, one.step)._replace(values=tf.zeros([5, WIDTH]))),
            "frequency and version must be of shape": lambda: table.restore(
                one.handle,
                table.export(one.handle, one.step)._replace(freqs=tf.ones([1], tf.int64))),
            "waiting keys must be of shape": lambda: table.restore(
                one.handle,
                table.export(one.handle, one.step)._replace(keys_filtered=tf.ones([1], tf.int64))),
            r"times must be of shape \[2\]": lambda: table.distinct([tf.constant([1, 2], tf.int64)],
                                                                    [two[:1]]),
            "times must be given for none or all of 2": lambda: table.distinct(
                [tf.constant([1], tf.int64)] * 2, [two[:1]]),
            "needs hashes and keys that are admitted at 1 to 255. Got: 2 hashes and 300": lambda:
            table.make(one.handle, tf.constant(DEFAULTS), [], Admission(300, 10, 2)),
            "does not exist": lambda: table.size(table.handle("another")),
        }
        feed = {
            one.keys: [1, 2], one.counts: [1, 1], one.gradient: np.zeros([2, WIDTH]), one.step: 0
        }
        for message, build in wrong.items():
            with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.NotFoundError),
                               match=message):
                one.session.run(build(), feed)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_threads_that_do_everything_at_once(tmp_path: object, sanitizer: str) -> None:
    folder = os.path.dirname(os.path.abspath(table.__file__))
    compiler, program = os.environ.get("CXX", "g++"), os.path.join(str(tmp_path), "stress")
    if not shutil.which(compiler):
        pytest.skip("no compiler")
    built = subprocess.run([
        compiler, "-std=c++14", "-O1", "-g", "-pthread", "-fsanitize=" + sanitizer,
        "-fno-sanitize-recover=all", "-I" + os.path.dirname(folder),
        os.path.join(folder, "table_stress.cpp"),
        os.path.join(folder, "table.cc"), "-o", program
    ], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert not built.returncode, built.stdout.decode()
    ran = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert not ran.returncode, ran.stdout.decode()[-4000:]


@pytest.mark.parametrize("rule, slots", [("adagrad", 2 * [0.1]), ("adam", 4 * [0.0])])
def test_gradients_of_some_keys_in_any_order_are_those_of_all_with_zeros(
        rule: str, slots: List[float]) -> None:
    keys, rng = np.array([7, 1 << 40, 3, 12, 5]), np.random.default_rng(2)
    given = rng.standard_normal([3, 2]).astype(np.float32)
    dense = np.zeros([5, 2], np.float32)
    dense[[4, 0, 2]] = given
    with tf.Graph().as_default(), tf.Session() as session:
        values = []
        rows = tf.IndexedSlices(given, tf.constant([4, 0, 2]))
        for i, gradient in enumerate([tf.constant(dense), rows]):
            handle = table.handle("t{}".format(i))
            session.run(table.make(handle, tf.ones([1, 2]), slots, Admission()))
            for step in range(2):
                session.run(
                    table.update(handle, tf.constant(keys), tf.ones([5], tf.int64), gradient,
                                 tf.constant(step, tf.int64), rule, HYPER[rule]))
            values.append(session.run(table.gather(handle, tf.constant(keys), 2)[0]))
        np.testing.assert_array_equal(*values)
        assert (values[0] != 1.0).any(axis=1).sum() == 3
        session.run(
            table.update(handle, tf.constant(keys[:1] + 1), tf.ones([1], tf.int64),
                         tf.IndexedSlices(given[:0], tf.zeros([0], tf.int64)),
                         tf.constant(2, tf.int64), rule, HYPER[rule]))
        assert session.run(table.frequencies(handle, tf.constant(keys[:1] + 1))).tolist() == [1]
        for places in ([0, 0, 1], [5, 0, 1], [-1, 0, 1]):
            with pytest.raises(
                    tf.errors.InvalidArgumentError,
                    match="a place must be of 0 to 4 and come once. Got: "
                    "{}.".format(places[0])):
                session.run(
                    table.update(handle, tf.constant(keys), tf.ones([5], tf.int64),
                                 tf.IndexedSlices(given, tf.constant(places)),
                                 tf.constant(0, tf.int64), rule, HYPER[rule]))
