from typing import List

import pytest

from common.pipeline import position, source, tf_path
from common.pipeline.identity import Rows
from common.pipeline.plans import Order
from common.pipeline.position import Place, Reading, Saved
from common.pipeline.row_order import Stream
from common.testing import graphs, toy

ROWS = 103


@pytest.fixture
def data(tmp_path: object) -> source.Data:
    rows = toy.random_rows(1, ROWS)
    for number, row in enumerate(rows):
        row[2] = "u{}".format(number)
    return toy.open_toy(tmp_path, rows, toy.random_rows(9, 20))


def read(data: source.Data, place: Place, trainer: int) -> List[int]:
    """The rows that --tf reads for a trainer up to the end of two epochs."""
    plan = place.plan
    stream = Stream(
        batch_size=8, epochs=2, shuffle_rows=plan.order.shuffle_rows, seed=plan.order.seed,
        start_row=place.trained[trainer], shard=trainer, shards=plan.trainers,
        legs=plan.legs[trainer], first_epoch=plan.next_epoch)
    read = tf_path.tf_input(data.train, data, stream, with_users=False)
    users = [user for batch in graphs.read_batches(read, 100) for user in batch["user"].tolist()]
    return [int(user[1:]) for user in users]


@pytest.mark.slow
@pytest.mark.parametrize("shuffle_rows", [0, 30])
def test_other_trainers_and_seeds_read_the_rest_of_each_part_with_tf(
        data: source.Data, shuffle_rows: int) -> None:
    def reading(trainers: int, seed: int) -> Reading:
        order = Order.of(seed, shuffle_rows, True, True)
        return Reading(Rows(1, 1, "", ""), order, trainers, 8, 2,
                       lambda shard, shards: tf_path.rows_of_part(data.train, data, shard, shards))

    seen: List[int] = []
    place = position.resume(None, reading(2, 5))
    for trainers, seed in ((3, 5), (1, 7), (2, 7)):
        trained = []
        for trainer in range(place.plan.trainers):
            rows = read(data, place, trainer)[:24]
            seen += rows
            trained.append(place.trained[trainer] + len(rows))
        place = position.resume(Saved(1, place.plan, tuple(trained)), reading(trainers, seed))
        assert place.rows_trained == len(seen)
    for trainer in range(2):
        seen += read(data, place, trainer)
    assert sorted(seen) == sorted(2 * list(range(ROWS)))


def test_parts_of_lines_differ_by_one_row(data: source.Data) -> None:
    sizes = [tf_path.rows_of_part(data.train, data, shard, 4) for shard in range(4)]
    assert sizes == [26, 26, 26, 25]
