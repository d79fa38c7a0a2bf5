"""The Estimators of a run: they train, evaluate and export one model with one list of callbacks."""

from typing import Callable, Dict, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback
from common.config import cluster as cluster_module
from common.config.cluster import Cluster
from common.config.run import Run
from common.deeprec import symbols as deeprec
from common.process import placement

ModelFn = Callable[..., tf.estimator.EstimatorSpec]
_NO_SAVES = 1 << 30
_SAVE_SECS = 600


class Estimators:
    """The Estimators of a run.

    Args:
      model_fn: (features, labels, mode, params) -> EstimatorSpec.
      callbacks: what the run does besides its steps.

    Raises:
      BadInput: the run is too short for its schedule of the learning rate.

    Attributes:
      config: of training; in a cluster, this process's place in it.
      train: trains.
      evaluate: evaluates, without the servers of a cluster.
      export: exports, with TensorFlow's own ops alone.
    """

    def __init__(self, run: Run, model_fn: ModelFn, params: NamedTuple,
                 callbacks: Sequence[Callback]) -> None:
        self._model_fn, self._callbacks = model_fn, callbacks
        self.config = run_config(run, run.cluster)
        params = _changed(params, "within", run.steps)
        self.train = self.evaluate = self._make(self.config, params)
        if run.cluster:
            self.evaluate = self._make(run_config(run, None), _changed(params, "alone"))
        self.export = self._make(run_config(run, None), _changed(params, "exported"))

    def _make(self, config: tf.estimator.RunConfig, params: NamedTuple) -> tf.estimator.Estimator:
        return tf.estimator.Estimator(self._put_together, config=config, params=params)

    def _put_together(self, features: Dict[str, tf.Tensor], labels: Optional[Dict[str, tf.Tensor]],
                      mode: str, params: NamedTuple) -> tf.estimator.EstimatorSpec:
        """The model_fn with what the callbacks add to it."""
        if labels is not None:
            for callback in self._callbacks:
                features, labels = callback.batch(features, labels, mode)
        spec = self._model_fn(features, labels, mode, params)
        for callback in self._callbacks:
            spec = callback.change(spec, features, mode)
        if mode != tf.estimator.ModeKeys.TRAIN:
            return spec
        added = [hook for callback in self._callbacks for hook in callback.hooks(spec)]
        return spec._replace(training_hooks=[*added, *spec.training_hooks])


def _changed(params: NamedTuple, method: str, *args: object) -> NamedTuple:
    """A model's parameters as they are for a process of some kind.

    Args:
      method: "within" a run that ends at a step; "alone", without servers; or "exported", of
        TensorFlow's own ops. Parameters without a method of that name stay as they are.
    """
    values = params._asdict()
    changed = {name: getattr(value, method)(*args) for name, value in values.items()
               if hasattr(value, method)}
    return params._replace(**changed)


def run_config(run: Run, cluster: Optional[Cluster]) -> tf.estimator.RunConfig:
    """The RunConfig of a process of a cluster, or of one on its own."""
    saves: Dict[str, int] = {"save_checkpoints_secs": _SAVE_SECS}
    if run.save_steps is not None:
        saves = {"save_checkpoints_steps": run.save_steps or _NO_SAVES}
    session = tf.ConfigProto(allow_soft_placement=True, inter_op_parallelism_threads=run.inter,
                             intra_op_parallelism_threads=run.intra)
    if cluster and cluster.has_servers and cluster.trains:
        session.device_filters.extend(placement.device_filters(cluster))
    deeprec.configure(session, run.toggles, run.protocol)
    protocol = None if run.protocol == "grpc" else run.protocol
    device_fn = placement.device_fn(cluster) if cluster else None
    with cluster_module.environment(cluster):
        return tf.estimator.RunConfig(
            model_dir=run.checkpoint_dir, tf_random_seed=run.seed,
            keep_checkpoint_max=run.keep_checkpoint_max, session_config=session, protocol=protocol,
            device_fn=device_fn, experimental_max_worker_delay_secs=0, **saves)
