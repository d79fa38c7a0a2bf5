"""A run over many files that is killed again and again, each time with another batch size.

    python -m common.testing.kills --kills 30

No row is lost, and none is trained twice but those of the steps since the last checkpoint. Which
rows a step trains is written by a hook of the model, not taken from what the run counts.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from typing import Dict, List, NamedTuple, Sequence

from common import runner
from common.testing import many_files
from common.testing.children import Child
from common.testing.runs import Params, train

FILES = 200
EPOCHS = 2
BATCH_SIZES = (16, 64, 7, 33, 128, 1, 50)
_SAVE_STEPS = 5
_STEPS_BETWEEN = 8
_ROWS_A_KILL = 400  # of which there are more than the steps between two kills train
_STEP_SECS = 0.01


class Step(NamedTuple):
    """What one step trained.

    Attributes:
      number: the global step.
      rows: their numbers.
    """

    number: int
    rows: List[int]


class Record(NamedTuple):
    """What a run that was killed has trained.

    Attributes:
      kept: the rows of the steps that the weights at the end have seen, in order.
      again: rows of steps that were made again, as they were behind the last checkpoint.
      most_again: the most steps that were behind it at a kill.
    """

    kept: List[int]
    again: int
    most_again: int


def play(folder: str, paths: Sequence[str], batch_size: int) -> None:
    """Trains all epochs; each step is a line of FOLDER/log."""
    data = many_files.open_files(folder, paths)
    params = Params(os.path.join(folder, "log"), _STEP_SECS)
    sys.exit(runner.exit_status(lambda: train(  # type: ignore
        folder, data, params, steps=0, epochs=EPOCHS, batch_size=batch_size, evaluate=False,
        save_steps=_SAVE_STEPS, shuffle_rows=500)))


def read_steps(folder: str) -> List[Step]:
    """The steps in the log as they were made, without one whose line a kill has cut."""
    path = os.path.join(folder, "log")
    if not os.path.exists(path):
        return []
    with open(path) as file:
        lines = [line.split(":") for line in file if line.endswith("\n")]
    return [Step(int(number), [int(row) for row in rows.split()]) for number, rows in lines]


def record_of(steps: Sequence[Step]) -> Record:
    """What remains of steps, where a smaller number means that training went back."""
    kept: Dict[int, List[int]] = {}
    again = most_again = 0
    for step in steps:
        undone = [number for number in kept if number >= step.number]
        most_again = max(most_again, len(undone))
        again += sum(len(kept.pop(number)) for number in undone)
        kept[step.number] = step.rows
    rows = itertools.chain.from_iterable(kept[number] for number in sorted(kept))
    return Record(list(rows), again, most_again)


def kill_often(folder: str, kills: int, rows: int) -> Record:
    """Trains so many rows in FILES files, and kills the run so many times, each after some steps.

    Raises:
      AssertionError: the run ended by itself, or a row was lost or trained twice.
    """
    sizes = many_files.uneven_sizes(FILES, rows)
    paths = many_files.write_files(folder, sizes, "cp")
    output = os.path.join(folder, "output")
    for kill in range(kills):
        batch_size = BATCH_SIZES[kill % len(BATCH_SIZES)]
        made = len(read_steps(folder))
        child = Child(play, folder, paths, batch_size, log=output)
        while len(read_steps(folder)) < made + _STEPS_BETWEEN + kill % _SAVE_STEPS:
            if child.status() is not None:
                raise AssertionError("the run ended before kill {}:\n{}".format(
                    kill + 1, child.output()))
            time.sleep(0.01)
        child.kill()
    last = Child(play, folder, paths, 64, log=output)
    assert last.wait(600) == 0, last.output()
    record = record_of(read_steps(folder))
    check(record, sizes)
    return record


def check(record: Record, sizes: Sequence[int]) -> None:
    """Fails where a row was lost, or seen twice in an epoch."""
    expected = many_files.numbers_of(sizes)
    size = len(expected)
    for epoch in range(EPOCHS):
        rows = record.kept[epoch * size:(epoch + 1) * size]
        assert sorted(rows) == expected, "epoch {}: {} rows, {} of them different".format(
            epoch, len(rows), len(set(rows)))
    assert len(record.kept) == EPOCHS * size
    assert record.most_again <= _SAVE_STEPS + 1, record.most_again


def main() -> None:
    """Kills a run as often as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=30, help="how often (default 30)")
    kills = parser.parse_args().kills
    rows = _ROWS_A_KILL * kills
    with tempfile.TemporaryDirectory() as folder:
        record = kill_often(folder, kills, rows)
    print("{} kills over {} files of {:,} rows: {} epochs, each row once in each; {:,} rows were "
          "trained again, those of at most {} steps behind a checkpoint".format(
              kills, FILES, rows, EPOCHS, record.again, record.most_again))


if __name__ == "__main__":
    main()
