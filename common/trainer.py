"""Training, evaluation and export of a run with tf.estimator, alone or as a process of a cluster."""

import functools
import os
import tempfile
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common import export, results
from common.callbacks import stop_on_signal
from common.callbacks.nan_guard import StopAtNan
from common.callbacks.progress import Progress
from common.checkpoint import increment_files, increments, table_saving
from common.checkpoint.newest import newest_step
from common.config import cluster as cluster_module
from common.config.cluster import Cluster
from common.config.run import Run
from common.deeprec import symbols as deeprec
from common.errors import Stopped
from common.pipeline import dataset
from common.pipeline.blocks import Stream
from common.pipeline.dataset import InputFn
from common.pipeline.encoder import Block
from common.pipeline.source import Data
from common.pipeline.work_queue import RunQueue
from common.process import placement, roles
from common.process.signals import Signals

ModelFn = Callable[..., tf.estimator.EstimatorSpec]
_NO_SAVES = 1 << 30
_SAVE_SECS = 600


class Trainer:
    """The Estimators of a run with their inputs and hooks.

    Attributes:
      config: of training; in a cluster, this process' place in it.
      queue: the work queue that it takes rows from, None where each trainer has a part of the rows of its own.
    """

    def __init__(self, run: Run, data: Data, model_fn: ModelFn, params: NamedTuple) -> None:
        self.config = run_config(run, run.cluster)
        self._run, self._data = run, data
        self._stream = Stream(run.batch_size)
        self.queue = RunQueue(run, data) if run.workqueue else None
        self._signals = Signals()
        self._progress: Optional[Progress] = None
        self._watch: Optional[roles.Watch] = None
        model_fn = increments.with_saver(self._with_queue(model_fn), run.checkpoint_dir, run.keep_checkpoint_max,
                                         self._increments == "ours")
        self._trainee = tf.estimator.Estimator(deeprec.staged(self._with_hooks(model_fn), run.toggles),
                                               config=self.config, params=params)
        self._evaluatee = self._trainee if not run.cluster else (
            tf.estimator.Estimator(deeprec.staged(model_fn, run.toggles), config=run_config(run, None),
                                   params=_each(params, "alone")))
        self._exporter = tf.estimator.Estimator(model_fn, config=run_config(run, None),
                                                params=_each(params, "exported"))
        self._stop_at_nan = StopAtNan(data.train.path, self._rows_of_batch)
        self._eval_spec = tf.estimator.EvalSpec(make_input(run, data, False, Stream(run.batch_size)), steps=None,
                                                hooks=[stop_on_signal.AbandonEvaluation(self._signals)])

    def is_over(self) -> bool:
        """Whether the newest checkpoint has the last step."""
        return newest_step(self._run.checkpoint_dir) >= self._run.steps

    def first_step(self) -> int:
        """The step at which training goes on."""
        find = increment_files.newest_step if self._increments == "ours" else newest_step
        return find(self._run.checkpoint_dir)

    def train(self) -> Dict[str, float]:
        """Trains; returns the results of the last evaluation if training included it.

        Raises:
          Stopped: a signal came; the chief saved a checkpoint.
          NeverCame: a server was not there for run.wait_secs.
        """
        cluster = self._run.cluster
        if cluster and cluster.has_servers:
            roles.await_servers(cluster, self.is_over, self._run.wait_secs)
            self._watch = roles.Watch(cluster, self._signals, self.is_over, self._run.wait_secs)
            with self._signals, roles.quick_recovery(), self._watch:
                return self._train([self._watch])
        with self._signals:
            return self._train([])

    def _train(self, watches: List[tf.train.SessionRunHook]) -> Dict[str, float]:
        try:
            return self._train_and_evaluate(watches)
        except tf.errors.OpError:
            if self.queue and self.queue.feed.error:  # what tf.data made of the exception names no type
                raise self.queue.feed.error
            raise

    def _train_and_evaluate(self, watches: List[tf.train.SessionRunHook]) -> Dict[str, float]:
        spec = tf.estimator.TrainSpec(lambda: self._train_input()(), self._run.steps, [
            self._stop_at_nan, stop_on_signal.StopTraining(self._signals)] + watches)
        evaluation = None
        if self._run.evaluate or self._run.cluster:
            evaluation = tf.estimator.train_and_evaluate(self._trainee, spec, self._eval_spec)
        else:
            self._trainee.train(spec.input_fn, spec.hooks, max_steps=spec.max_steps)
        if self._signals.received:
            raise Stopped(self._signals.received, self._run.checkpoint_dir)
        return evaluation[0] or {} if evaluation else {}

    def evaluate(self) -> Dict[str, float]:
        """Evaluates the newest checkpoint; raises Stopped if a signal comes."""
        with self._signals:
            return self._evaluatee.evaluate(self._eval_spec.input_fn, hooks=self._eval_spec.hooks)

    def evaluate_each(self, cluster: Cluster) -> Dict[str, float]:
        """Evaluates checkpoints as they come; returns the results of the last."""
        return roles.evaluate_each(self._evaluatee, self._eval_spec, cluster, self._run.steps, self._run.wait_secs)

    def trained(self, secs: float) -> results.Trained:
        """What this process trained in a run of so many seconds."""
        progress = self._progress
        if not progress:
            return results.Trained(0, 0.0, 0.0, secs)
        return results.Trained(progress.steps, progress.steps_per_sec, progress.cpu_secs / max(progress.steps - 1, 1),
                               secs)

    def _train_input(self) -> InputFn:
        self._stream = self._make_stream()
        return make_input(self._run, self._data, True, self._stream,
                          lambda: self._progress.steps * self._run.batch_size if self._progress else 0,
                          self.queue.read if self.queue else None)

    def _make_stream(self) -> Stream:
        """The rows of this process from where the newest checkpoint is; in a cluster, from where each trainer would be
        if all were equally fast. The work queue needs no more than the size of a batch."""
        run = self._run
        if self.queue:
            return Stream(run.batch_size)
        step = self.first_step()
        any_order = run.parquet_shuffle or not self._data.train.path.endswith(".parquet")
        stream = Stream(run.batch_size, run.epochs, run.shuffle_rows, run.seed, step * run.batch_size, any_order)
        if not run.cluster:
            return stream
        trainers = run.cluster.num_trainers
        return stream._replace(epochs=0, start_row=step // trainers * run.batch_size, shard=run.cluster.shard,
                               shards=trainers)

    def _rows_of_batch(self, batch: int) -> List[int]:
        start_row = self._stream.start_row + batch * self._run.batch_size
        return dataset.rows_of_batch(self._data.train, self._data, self._stream._replace(start_row=start_row))

    def _with_queue(self, model_fn: ModelFn) -> ModelFn:
        """The model_fn whose training steps tell the work queue, if there is one, which rows they trained."""
        def model_fn_with_queue(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor], mode: str,
                                params: NamedTuple) -> tf.estimator.EstimatorSpec:
            spec = model_fn(features, labels, mode, params)
            if not self.queue or mode != tf.estimator.ModeKeys.TRAIN:
                return spec
            spec, taking = self.queue.attach(spec, features[dataset.ROW])
            return spec._replace(training_hooks=[taking])

        return model_fn_with_queue

    def _with_hooks(self, model_fn: ModelFn) -> ModelFn:
        def model_fn_with_hooks(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor], mode: str,
                                params: NamedTuple) -> tf.estimator.EstimatorSpec:
            spec = model_fn(features, labels, mode, params)
            if mode != tf.estimator.ModeKeys.TRAIN:
                return spec
            trainers = self._run.cluster.num_trainers if self._run.cluster else 1
            self._progress = Progress(spec.loss, self._run.steps, self._run.batch_size, trainers)
            self._stop_at_nan.watch(spec.loss, features.get(dataset.ROW))
            added: List[tf.train.SessionRunHook] = [self._progress, *spec.training_hooks]
            if self._increments == "DeepRec":
                spec = spec._replace(scaffold=deeprec.scaffold(self._run.keep_checkpoint_max))
            if self.config.is_chief:
                added.append(self._saver_hook(spec))
                if self._increments == "ours":
                    added.append(self._increments_hook(spec))
            if self._run.timeline:
                added.append(tf.train.ProfilerHook(self._run.timeline, output_dir=self._run.result_dir))
            return spec._replace(training_hooks=added)

        return model_fn_with_hooks

    @property
    def _increments(self) -> str:
        """Who saves increments between checkpoints: 'DeepRec', 'ours', or '' for nobody."""
        if not self._run.incremental_ckpt:
            return ""
        return "DeepRec" if deeprec.has("incremental_ckpt") else "ours"

    def _saver_hook(self, spec: tf.estimator.EstimatorSpec) -> tf.train.CheckpointSaverHook:
        """What an Estimator adds by itself, but behind StopAtNan: weights that gave a NaN are not saved."""
        make = functools.partial(deeprec.saver_hook, self._run.incremental_ckpt) if self._increments == "DeepRec" else (
            tf.train.CheckpointSaverHook)
        return make(
            self.config.model_dir, self.config.save_checkpoints_secs, self.config.save_checkpoints_steps,
            scaffold=spec.scaffold,
            listeners=([self._watch.listener()] if self._watch else []) + table_saving.listeners())

    def _increments_hook(self, spec: tf.estimator.EstimatorSpec) -> increments.SaveEvery:
        note = self._watch.note_saving if self._watch else lambda saving: None
        return increments.SaveEvery(spec.scaffold.saver, self._run.incremental_ckpt, self._run.steps, note,
                                    roles.LOSSES if self._run.cluster else ())

    def export(self) -> None:
        """Writes export/TIMESTAMP with a sample request among its extra assets."""
        with tempfile.TemporaryDirectory() as folder:
            sample = os.path.join(folder, export.SAMPLE_REQUEST)
            export.write_sample_request(sample, self._data.test, self._data.schema)
            self._exporter.export_saved_model(
                os.path.join(self._run.result_dir, "export"),
                export.receiver_fn(self._data.schema, self._data.vocabularies, self._run.toggles.tf),
                assets_extra={export.SAMPLE_REQUEST: sample})


def _each(params: NamedTuple, change: str) -> NamedTuple:
    """A model's parameters, those that have a method of that name changed by it."""
    return params._replace(**{name: getattr(value, change)() for name, value in params._asdict().items()
                              if hasattr(value, change)})


def make_input(run: Run, data: Data, training: bool, stream: Stream,
               rows_taken: Callable[[], int] = lambda: 0,
               read_items: Optional[Callable[[], Iterator[Block]]] = None) -> InputFn:
    """The input_fn of a run: of the training rows or of the test rows, columnar or for --tf.

    Args:
      rows_taken: how many rows of the stream to leave out when a session starts to read; --tf does not ask.
      read_items: gives the rows in place of the stream; --tf has none.
    """
    file = data.train if training else data.test
    if run.toggles.tf:
        return dataset.tf_input(file, data, stream, with_users=not training)
    return dataset.columnar_input(file, data, stream, run.toggles.smartstaged, rows_taken, read_items)


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
    with cluster_module.environment(cluster):
        return tf.estimator.RunConfig(
            model_dir=run.checkpoint_dir, tf_random_seed=run.seed, keep_checkpoint_max=run.keep_checkpoint_max,
            session_config=session, protocol=None if run.protocol == "grpc" else run.protocol,
            device_fn=placement.device_fn(cluster) if cluster else None, experimental_max_worker_delay_secs=0, **saves)
