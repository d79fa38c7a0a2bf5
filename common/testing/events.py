"""What TensorBoard reads of a run."""

import glob
import os
from typing import Dict, List, Tuple

import tensorflow.compat.v1 as tf


def points(folder: str) -> List[Tuple[int, Dict[str, float]]]:
    """The steps of a folder's event files, each with its values by name; those of a file in order.
    """
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "events.*"))):
        for event in tf.train.summary_iterator(path):
            values = {value.tag: value.simple_value for value in event.summary.value
                      if value.HasField("simple_value")}
            if values:
                found.append((event.step, values))
    return found
