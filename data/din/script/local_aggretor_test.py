import os
import tracemalloc
from typing import Dict, List, Tuple

import numpy as np
import pyarrow as pa
import pytest

from common.errors import BadInput
from data.din.samples import Sample, read_samples
from data.din.script import local_aggretor

REVIEWS = [
    "u1\ta\t5.0\t30", "u2\tb\t5.0\t10", "u1\tb\t1.0\t10", "u3\td\t1.0\t7", "u1\tc\t1.0\t30",
    "u2\tx\t1.0\t10", "u1\te\t2.0\t-5", "u1\tb\t2.0\t12", "u4\tf\t2.0\t1"
]
ITEMS = ["a\tA \"x\"", "b\tB", "c\tC", "a\tlater", "d\tD", "e\tE", "unseen\tU", "f\tF"]


def write(folder: object, name: str, lines: List[str]) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


def run(folder: object, reviews: List[str], items: List[str], seed: int = 1,
        num_buckets: int = 4) -> List[Sample]:
    target = os.path.join(str(folder), "samples")
    count = local_aggretor.aggregate(write(folder, "reviews-info", reviews),
                                     write(folder, "item-info", items), target, seed, num_buckets)
    samples = [sample for _, sample in read_samples(target)]
    assert len(samples) == count
    return samples


def by_user(samples: List[Sample]) -> Dict[str, Tuple[Sample, Sample]]:
    """The negative and the positive sample of each user, as they follow each other."""
    assert [sample.label for sample in samples] == [b"0", b"1"] * (len(samples) // 2)
    pairs = {
        negative.user.decode(): (negative, positive)
        for negative, positive in zip(samples[::2], samples[1::2])
    }
    assert len(pairs) == len(samples) // 2
    return pairs


@pytest.mark.parametrize("num_buckets", [1, 4, 64])
def test_history_is_in_the_order_of_time_then_of_the_file(tmp_path: object,
                                                          num_buckets: int) -> None:
    pairs = by_user(run(tmp_path, REVIEWS, ITEMS, num_buckets=num_buckets))
    assert sorted(pairs) == ["u1", "u2"]  # u3 and u4 have one review each
    negative, positive = pairs["u1"]
    assert positive[2:] == (b"c", b"C", b"e\x02b\x02b\x02a", b"E\x02B\x02B\x02A \"x\"")
    assert negative[1] == positive[1] and negative[4:] == positive[4:]
    assert negative.item in (b"d", b"f", b"x") and negative.category in (b"D", b"F", b"default_cat")
    assert pairs["u2"][1][2:] == (b"x", b"default_cat", b"b", b"B")
    assert sorted(os.listdir(str(tmp_path))) == ["item-info", "reviews-info", "samples"]


def test_negatives_are_drawn_by_popularity_from_other_items(tmp_path: object) -> None:
    popularity = {"a": 400, "b": 200, "c": 100, "d": 1}
    reviews = [
        "s{}{}\t{}\t5\t1".format(item, i, item)
        for item, count in popularity.items()
        for i in range(count)
    ]
    reviews += [
        "u{}\t{}\t5\t{}".format(i, item, time)
        for i in range(3000)
        for time, item in enumerate("da")
    ]
    samples = run(tmp_path, reviews, ITEMS, num_buckets=8)
    drawn = [negative.item for negative, _ in by_user(samples).values()]
    assert set(drawn) == {b"b", b"c"}
    assert drawn.count(b"b") / len(drawn) == pytest.approx(2 / 3, abs=0.04)
    assert all(sample.category == sample.item.upper() or sample.item == b"a" for sample in samples)


def test_the_seed_draws_other_negatives(tmp_path: object) -> None:
    reviews = ["u{}\ti{}\t5\t1".format(i % 300, i) for i in range(900)]
    first, again, other = [run(tmp_path, reviews, ITEMS, seed) for seed in (1, 1, 2)]
    assert first == again
    assert [s for s in first if s.label == b"1"] == [s for s in other if s.label == b"1"]
    assert sum(one.item == two.item for one, two in zip(first[::2], other[::2])) < 10


@pytest.mark.slow
def test_memory_is_bound_by_buckets(tmp_path: object) -> None:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 20000, 200000), rng.integers(0, 1000, 200000)
    lines = ["user{}\titem{}\t5.0\t{}".format(*row) for row in zip(users, items, users)]
    paths = [write(tmp_path, "reviews-info", lines),
             write(tmp_path, "item-info", ["item{}\tA category".format(i) for i in range(1000)])]
    peaks = {}
    for num_buckets in (1, 16):
        folder = os.path.join(str(tmp_path), str(num_buckets))
        os.makedirs(folder)
        buckets = local_aggretor.partition(paths[0], folder, num_buckets)
        names = local_aggretor.make_items(buckets, paths[1])
        old, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
        pa.set_memory_pool(pool)
        tracemalloc.start()
        for bucket in buckets:
            reviews = local_aggretor.sort_reviews(local_aggretor._read_bucket(bucket), names.names)
            del reviews
        peaks[num_buckets] = pool.max_memory() + tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        pa.set_memory_pool(old)
    assert peaks[16] < peaks[1] / 8


def test_each_user_lies_in_one_bucket(tmp_path: object) -> None:
    reviews = ["u{}\ti{}\t5\t1".format(i % 70, i) for i in range(900)]
    buckets = local_aggretor.partition(write(tmp_path, "reviews-info", reviews), str(tmp_path), 5)
    users = [
        set(local_aggretor._read_bucket(bucket).column("user").to_pylist()) for bucket in buckets
    ]
    assert len(users) == 5 and min(map(len, users)) > 3
    assert sum(map(len, users)) == len(set.union(*users)) == 70


@pytest.mark.parametrize("reviews, items, message", [
    (["u\ta\t5\t1", "v\tb\t5\t1"
      ], ITEMS, "reviews-info: no user has two reviews. Give more reviews"),
    (["u\ta\t5\t1", "u\tb\t5\t1", "v\ta\t5\t1"], ITEMS,
     "user 'u' reviewed all 2 items, so none is left to draw as a negative. Give more reviews"),
    (["u\ta\t5\t1", "u\tb\t5\tx"
      ], ITEMS, "reviews-info, line 2: .* is given, expected user, item, rating, time"),
    (REVIEWS, ["a"],
     "item-info, line 1: 'a' is given, expected item, category in UTF-8, tab-separated"),
    (["u\ta\t5\t1", "u\tb\t5\t0x1"
      ], ITEMS, "reviews-info, line 2: .* the time a whole number. Write the file again"),
    (["u\ta\t5\t1", "\tb\t5\t1"
      ], ITEMS, "reviews-info, line 2: .*, none empty or with a byte 0x02"),
    (REVIEWS, ["a\tA", "b\t"], "item-info, line 2: .*, none empty or with a byte 0x02"),
    (REVIEWS, [], "item-info: no such file, or an empty one. Write it with process_data.py"),
])
def test_errors_write_nothing(tmp_path: object, reviews: List[str], items: List[str],
                              message: str) -> None:
    with pytest.raises(BadInput, match=message):
        run(tmp_path, reviews, items)
    assert sorted(os.listdir(str(tmp_path))) == ["item-info", "reviews-info"]


def test_a_folder_of_the_user_stays(tmp_path: object) -> None:
    os.makedirs(os.path.join(str(tmp_path), "samples.buckets", "mine"))
    run(tmp_path, REVIEWS, ITEMS)
    assert os.listdir(os.path.join(str(tmp_path), "samples.buckets")) == ["mine"]
    assert sorted(os.listdir(
        str(tmp_path))) == ["item-info", "reviews-info", "samples", "samples.buckets"]


def test_main(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    argv = [write(tmp_path, "reviews-info", REVIEWS), write(tmp_path, "item-info", ITEMS),
            os.path.join(str(tmp_path), "samples")]
    assert local_aggretor.main(argv) == 0
    assert capsys.readouterr().out.split("  ")[1:] == ["4 lines", "samples\n"]
    assert local_aggretor.main([argv[0] + "x"] + argv[1:]) == 1
    assert "error: " + argv[0] + "x: no such file" in capsys.readouterr().err
    assert local_aggretor.main(argv[:2] + [os.path.join(str(tmp_path), "nowhere", "samples")]) == 1
    assert "error: [Errno 2] No such file or directory: '{}/nowhere/samples".format(
        tmp_path) in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        local_aggretor.main(argv + ["--seed", "-1"])
    assert end.value.code == 2 and "--seed must be >= 0. Got: -1." in capsys.readouterr().err
    assert sorted(os.listdir(str(tmp_path))) == ["item-info", "reviews-info", "samples"]
