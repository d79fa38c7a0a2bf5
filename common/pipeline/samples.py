"""A sample of rows, and the rates of labels that are estimated from it."""

from typing import List, Sequence, TypeVar

import numpy as np

from common.config.schema import Schema
from common.counts import counted
from common.formats.chunks import Chunk
from common.formats.files import Files
from common.log import log
from common.pipeline import labels as labels_of

_RATE_CHUNKS = 16
Item = TypeVar("Item")


def spread(files: Files) -> List[Chunk]:
    """A few chunks of some files, which alone are opened where there are many.

    The lines of one text file are counted for it, those of several are not.
    """
    num_files = len(files.paths)
    if num_files == 1 or (files.is_parquet and num_files <= _RATE_CHUNKS):
        return _evenly(files.chunks)
    first_chunks = map(files.first_chunk_of, _evenly(range(num_files)))
    return [chunk for chunk in first_chunks if chunk] or [files.first_chunk()]


def _evenly(values: Sequence[Item]) -> List[Item]:
    """At most _RATE_CHUNKS of some values, spread evenly over them."""
    even = np.linspace(0, len(values) - 1, _RATE_CHUNKS)
    positions = np.unique(even.round().astype(int))
    return [values[position] for position in positions]


def pair_rates(targets: np.ndarray, schema: Schema, path: str) -> np.ndarray:
    """Mean of each label, and of each pair of labels' product, as source.Data.label_rates says.

    Args:
      targets: of sampled rows, in the schema's order, float64 [N, K or K + 1].
      path: what messages call the rows' files.

    Returns:
      float64 [K, K].
    """
    columns = list(targets.T)
    num_unclicked = labels_of.drop_unclicked(columns, schema)
    labels = np.stack(columns[:len(schema.labels)], 1)
    if num_unclicked:
        purchase, = [label.name for label in schema.labels if label.role == "purchase"]
        log("{}: in a sample of the rows, {} of {} have a purchase ({}) without a click. It counts "
            "as none. `data/schema.py check` counts all such rows. To count these purchases, leave "
            "roles out of the schema of a model that needs none.".format(
                path, num_unclicked, len(labels), purchase))
    _tell_constant(labels, schema, path)
    weights = np.ones(len(labels))
    if schema.weights and columns[-1].any():
        weights = columns[-1] / columns[-1].mean()
    counts = labels.T.dot(labels * weights[:, None])
    return (counts + 0.5) / (len(labels) + 1.0)


def _tell_constant(labels: np.ndarray, schema: Schema, path: str) -> None:
    """Tells of labels [N, K] that are the same in all sampled rows, of which nothing is learnt."""
    for label, rate in zip(schema.labels, labels.mean(0)):
        if rate in (0, 1):
            log("{}: in a sample of the rows, label {!r} is {:.0f} in all {}. A model that is "
                "trained on such rows learns nothing else.".format(
                    path, label.name, rate, counted(len(labels), "row")))
