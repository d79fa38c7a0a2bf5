"""The probabilities of rows by the model of a checkpoint, with the kernels of training."""

from typing import Callable, Dict, Iterator, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.checkpoint import increments
from common.config.schema import ROW
from common.pipeline import dataset
from common.pipeline.dataset import ReadBlocks
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.scoring.scores import Scores

Tensors = Dict[str, tf.Tensor]


def scores(
    model_fn: Callable[..., tf.estimator.EstimatorSpec],
    params: NamedTuple,
    config: tf.estimator.RunConfig,
    checkpoint: str,
    data: Data,
    stream: Stream,
    read_items: Optional[ReadBlocks] = None,
) -> Iterator[Scores]:
    """The probabilities of a stream of rows, in batches.

    Args:
      model_fn: (features, labels, mode, params) -> EstimatorSpec; params are its last argument.
      checkpoint: the prefix of its files.
      data: whose training files are the rows.
      read_items: gives the rows in place of the stream.

    Raises:
      BadInput: rows that cannot be read, or a checkpoint of other variables.
    """
    def put_together(features: Tensors, labels: None, mode: str,
                     params: NamedTuple) -> tf.estimator.EstimatorSpec:
        spec = model_fn(features, labels, mode, params)
        spec = increments.with_saver(spec, config.model_dir, keep=1, incremental=False)
        return spec._replace(predictions={**spec.predictions, ROW: features[ROW]})

    estimator = tf.estimator.Estimator(put_together, config=config, params=params)
    input_fn = dataset.columnar_input(data.train, data, stream, read_items=read_items)
    batches = estimator.predict(
        input_fn, checkpoint_path=checkpoint, yield_single_examples=False)
    try:
        for batch in batches:
            rows = batch.pop(ROW)
            yield Scores(rows, batch)
    except tf.errors.OpError:
        if data.bad_rows.error:  # of which tf.data makes an error that names no type
            raise data.bad_rows.error
        raise
