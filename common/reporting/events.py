"""What TensorBoard events say of a run's training: a few points of each series."""

import math
import os
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

Point = Tuple[float, float]

MAX_POINTS = 500
_LOSS, _SPEED = "loss", "global_step/sec"
_PREFIX = "events.out.tfevents."


class Training(NamedTuple):
    """Series over steps, ascending: (step, value).

    Attributes:
      loss: of training batches.
      steps_per_sec: of all trainers, with the pauses for saves and evaluations.
      damaged: files that end in the middle of an event, as a killed run leaves them.
    """

    loss: Sequence[Point] = ()
    steps_per_sec: Sequence[Point] = ()
    damaged: Sequence[str] = ()


def read(folder: str) -> Training:
    """What the events of a folder say; nothing where there are none.

    Where a run that resumed trained steps again, the later values count.
    """
    series: Dict[str, Dict[int, Tuple[float, float]]] = {_LOSS: {}, _SPEED: {}}
    damaged = []
    for path in _files(folder):
        try:
            for step, secs, tag, value in _scalars(path):
                known = series.get(tag)
                if known is not None and secs >= known.get(step, (0.0, 0.0))[0]:
                    known[step] = (secs, value)
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError):
            damaged.append(os.path.basename(path))
    loss, speed = (_points(series[tag]) for tag in (_LOSS, _SPEED))
    return Training(loss, speed, damaged)


def _files(folder: str) -> List[str]:
    """The files of events of a folder, without those of folders below."""
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if name.startswith(_PREFIX)]


def _scalars(path: str) -> Iterator[Tuple[int, float, str, float]]:
    """The scalars of a file: step, seconds since 1970, tag and value."""
    for event in tf.train.summary_iterator(path):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield event.step, event.wall_time, value.tag, value.simple_value


def _points(by_step: Dict[int, Tuple[float, float]]) -> List[Point]:
    points = [(float(step), by_step[step][1]) for step in sorted(by_step)]
    return thinned(points)


def thinned(points: Sequence[Point], most: int = MAX_POINTS) -> List[Point]:
    """At most so many of the points, the lowest and the highest of each stretch among them."""
    if len(points) <= most:
        return list(points)
    kept = []
    stretches = most // 2
    for number in range(stretches):
        low, high = (len(points) * place // stretches for place in (number, number + 1))
        places = range(low, high)
        finite = [place for place in places if math.isfinite(points[place][1])] or list(places)
        ends = {min(finite, key=lambda place: points[place][1]),
                max(finite, key=lambda place: points[place][1])}
        kept += [points[place] for place in sorted(ends)]
    return kept
