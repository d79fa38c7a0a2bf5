"""Files of TensorBoard events that an earlier start of a run has left."""

import contextlib
import glob
import os
from typing import List, Set

import tensorflow.compat.v1 as tf

from common import files

_PATTERN = "events.out.tfevents.*"
_DESCRIPTORS = "/proc/self/fd"


def drop_from(folder: str, step: int) -> None:
    """Takes the values of a step and of later ones out of the event files of a folder.

    A run that was killed makes the steps after its last checkpoint again, and a curve is to have
    one point at each step. Files that this process has open are its own, and stay as they are.
    """
    open_here = _open_here()
    for path in glob.glob(os.path.join(glob.escape(folder), _PATTERN)):
        if os.path.realpath(path) not in open_here:
            _rewrite(path, step)


def _open_here() -> Set[str]:
    """The files that this process has open."""
    paths = set()
    for descriptor in os.listdir(_DESCRIPTORS):
        with contextlib.suppress(OSError):  # that of the listing itself is gone
            paths.add(os.readlink(os.path.join(_DESCRIPTORS, descriptor)))
    return paths


def _rewrite(path: str, step: int) -> None:
    """Writes a file anew without the values of a step and of later ones, if it has any."""
    records = _records(path)
    kept = [record for record in records if not _is_from(record, step)]
    if len(kept) == len(records):
        return
    with files.replacing(path) as temporary, tf.io.TFRecordWriter(temporary) as written:
        for record in kept:
            written.write(record)


def _is_from(record: bytes, step: int) -> bool:
    """Whether an event has values of a step or of a later one."""
    event = tf.Event.FromString(record)
    return event.HasField("summary") and event.step >= step


def _records(path: str) -> List[bytes]:
    """The events of a file, but for one at its end that a kill has cut."""
    records: List[bytes] = []
    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.io.tf_record_iterator(path):
            records.append(record)
    return records
