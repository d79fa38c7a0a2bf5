import os
import tracemalloc
from typing import List

import numpy as np
import pyarrow as pa
import pytest

from data.din import buckets
from data.din.reviews import make_items, sort_reviews
from data.din.tables import ITEMS, REVIEWS, read_tables


def write(folder: object, name: str, lines: List[str]) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


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
        parts = buckets.partition(read_tables(paths[0], REVIEWS), folder, num_buckets)
        names = make_items(parts, read_tables(paths[1], ITEMS))
        old, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
        pa.set_memory_pool(pool)
        tracemalloc.start()
        for part in parts:
            reviews = sort_reviews(buckets.read(part), names.names)
            del reviews
        peaks[num_buckets] = pool.max_memory() + tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        pa.set_memory_pool(old)
    assert peaks[16] < peaks[1] / 8


def test_each_user_lies_in_one_bucket(tmp_path: object) -> None:
    reviews = ["u{}\ti{}\t5\t1".format(i % 70, i) for i in range(900)]
    path = write(tmp_path, "reviews-info", reviews)
    parts = buckets.partition(read_tables(path, REVIEWS), str(tmp_path), 5)
    users = [
        set(buckets.read(part).column("user").to_pylist()) for part in parts
    ]
    assert len(users) == 5 and min(map(len, users)) > 3
    assert sum(map(len, users)) == len(set.union(*users)) == 70


def test_one_of_equal_reviews_is_left_in_its_place(tmp_path: object) -> None:
    lines = ["u\ta\t5.0\t1", "v\ta\t5.0\t1", "u\ta\t5.0\t1", "u\ta\t4.0\t1", "u\ta\t5.0\t2",
             "u\ta\t5.0\t1", "u\tb\t5.0\t1"]
    tables = read_tables(write(tmp_path, "reviews-info", lines), REVIEWS)
    part, = buckets.partition(tables, str(tmp_path), 1)
    assert [buckets.drop_equal(part), buckets.drop_equal(part)] == [2, 0]
    rows = ["{}\t{}\t{}\t{}".format(row["user"].decode(), row["item"].decode(),
                                    row["rating"].decode(), row["time"])
            for row in buckets.read(part).to_pylist()]
    assert rows == [lines[i] for i in (0, 1, 3, 4, 6)]


def test_a_file_without_reviews(tmp_path: object) -> None:
    parts = buckets.partition([], str(tmp_path), 2)
    assert [buckets.drop_equal(part) for part in parts] == [0, 0]
