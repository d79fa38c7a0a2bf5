"""One training run: an Estimator, its hooks, its result folder.

The result folder holds config.json, checkpoints, events, metrics.json and export/; metrics.json and export/ appear when
the run is over, so a folder without them is not complete.
"""

import os
import platform
import resource
import shlex
import signal
import sys
import tempfile
import time
from typing import Callable, Dict, List, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import tensorflow.compat.v1 as tf

from common import dataset, deeprec, heads, hooks, metrics, serving
from common.dataset import Data, InputFn, Stream
from common.deeprec import Toggles
from common.files import write_json
from common.reader import BadInput

ModelFn = Callable[..., tf.estimator.EstimatorSpec]
_NO_SAVES = 1 << 30
_SAVE_SECS = 600


class _RunFields(NamedTuple):
    model: str
    checkpoint_dir: str
    result_dir: str
    steps: int
    epochs: int
    batch_size: int
    seed: int
    shuffle_rows: int
    parquet_shuffle: bool
    save_steps: Optional[int]
    keep_checkpoint_max: int
    timeline: int
    evaluate: bool
    inter: int
    intra: int
    protocol: str
    toggles: Toggles


class Run(_RunFields):
    """What one run does, apart from the model.

    Attributes:
      model: the model's name.
      checkpoint_dir: folder of checkpoints and events; training goes on from what is in it.
      result_dir: folder of config.json, metrics.json, timelines and export/.
      steps: the global step at which training ends.
      epochs: where the steps are those of whole epochs, their number: the last batch then ends with the last row and
        may be smaller. 0: the rows are repeated for as long as the steps last.
      batch_size: rows a step.
      seed: of weights and row order.
      shuffle_rows: rows mixed at a time, 0 for the file's order.
      parquet_shuffle: whether a Parquet file's row groups are drawn in random order.
      save_steps: steps between checkpoints; 0 only at the end, None every ten minutes.
      keep_checkpoint_max: newest checkpoints kept.
      timeline: steps between Chrome traces, 0 for none.
      evaluate: whether to evaluate on the test rows.
      inter, intra: threads, 0 for TensorFlow's choice.
      protocol: between the processes of a cluster.
      toggles: which kernels the graph uses.

    Raises:
      ValueError: steps or batch_size is not > 0.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Run":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        for name in ("steps", "batch_size"):
            if getattr(self, name) <= 0:
                raise ValueError("{} must be > 0. Got: {}.".format(name, getattr(self, name)))
        return self


def exit_status(main: Callable[[], None]) -> int:
    """Runs main and says how it went as a process does: 0, 1 with a message for a failed run, 128 + n for signal n."""
    quiet_tensorflow()
    try:
        main()
    except (BadInput, hooks.NanLoss, OSError) as error:
        print("{}: error: {}".format(os.path.basename(sys.argv[0]), error), file=sys.stderr)
        return 1
    except hooks.Stopped as stopped:
        print("{}; the same command with the same --checkpoint goes on from there.".format(stopped), file=sys.stderr)
        return stopped.status
    except KeyboardInterrupt:  # before training, when there is nothing to save
        return 128 + signal.SIGINT
    return 0


def quiet_tensorflow() -> None:
    """Silences TensorFlow's deprecation warnings and its C++ notes on kernels; to be called before any session."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    tf.logging.set_verbosity(tf.logging.ERROR)


def train_and_evaluate(run: Run, data: Data, model_fn: ModelFn, params: NamedTuple,
                       tasks: List[str]) -> Dict[str, Dict[str, float]]:
    """Trains a model to run.steps, evaluates, exports, and writes the result folder.

    Args:
      model_fn: (features, labels, mode, params) -> EstimatorSpec.
      tasks: the names of its tasks, for the table of metrics.

    Returns:
      each task's metrics; empty without evaluation.

    Raises:
      BadInput: rows that cannot be read. Nothing but checkpoints is written then.
      hooks.NanLoss: the loss is not a number.
      hooks.Stopped: a signal came; a checkpoint was saved.
    """
    _print_features(run, data)
    with hooks.Signals() as signals:
        trainer = _Trainer(run, data, model_fn, params, signals)
        if trainer.is_chief:
            _start_results(run, data, params, trainer.global_step())
        began = time.monotonic()
        try:
            results = trainer.run()
        except tf.errors.OpError:
            if data.bad_rows.error:  # what tf.data made of the exception names no type
                raise data.bad_rows.error
            raise
    if trainer.in_cluster:
        print("Training is over; the same command without TF_CONFIG evaluates and exports {}.".format(
            run.checkpoint_dir))
        return {}
    by_task = heads.task_metrics(results, tasks) if results else {}
    report = _report(run, data, by_task, trainer, time.monotonic() - began)
    write_json(os.path.join(run.result_dir, "metrics.json"), report)
    if by_task:
        print(metrics.table(by_task))
    print("results: {}".format(run.result_dir))
    return by_task


class _Trainer:
    """An Estimator with its inputs and hooks."""

    def __init__(self, run: Run, data: Data, model_fn: ModelFn, params: NamedTuple, signals: hooks.Signals) -> None:
        self.progress: Optional[hooks.Progress] = None
        self._run, self._data, self._signals = run, data, signals
        self._config = run_config(run)
        self._estimator = tf.estimator.Estimator(self._with_hooks(model_fn), config=self._config, params=params)
        self._stop_at_nan = hooks.StopAtNan(data.train.path, self._rows_of_step)
        self._train_spec = tf.estimator.TrainSpec(
            lambda: self._train_input()(), run.steps, [self._stop_at_nan, hooks.StopTraining(signals)])
        self._eval_spec = tf.estimator.EvalSpec(
            make_input(run, data, False, Stream(run.batch_size)), steps=None,
            hooks=[hooks.AbandonEvaluation(signals)])

    def run(self) -> Dict[str, float]:
        """Trains, evaluates and exports as the Run says; returns the evaluation's results."""
        results = self._train() if self.global_step() < self._run.steps else None
        if self._signals.received:
            raise hooks.Stopped(self._signals.received)
        if self.in_cluster:
            return {}
        if self._run.evaluate and results is None:
            results = self._estimator.evaluate(self._eval_spec.input_fn, hooks=self._eval_spec.hooks)
        self._export()
        return results or {}

    def _train(self) -> Optional[Dict[str, float]]:
        """Does this process' part of the training; returns the evaluation's results if it evaluated at the end."""
        if not self._config.is_chief:
            self._signals.restore()  # a server has no step to end after
        if self._run.evaluate or self.in_cluster:
            outcome = tf.estimator.train_and_evaluate(self._estimator, self._train_spec, self._eval_spec)
            return outcome[0] if outcome else None
        self._estimator.train(self._train_spec.input_fn, self._train_spec.hooks, max_steps=self._run.steps)
        return None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the results."""
        return self._config.is_chief

    @property
    def in_cluster(self) -> bool:
        """Whether TF_CONFIG names a cluster; its processes only train."""
        return bool(self._config.cluster_spec.jobs)

    def global_step(self) -> int:
        """The step of the newest checkpoint, 0 if there is none."""
        checkpoint = tf.train.latest_checkpoint(self._run.checkpoint_dir)
        return int(tf.train.load_variable(checkpoint, "global_step")) if checkpoint else 0

    def _train_input(self) -> InputFn:
        return make_input(self._run, self._data, True, self._stream(self.global_step()))

    def _stream(self, step: int) -> Stream:
        run = self._run
        any_order = run.parquet_shuffle or not self._data.train.path.endswith(".parquet")
        return Stream(run.batch_size, run.epochs, run.shuffle_rows, run.seed, step * run.batch_size, any_order)

    def _rows_of_step(self, step: int) -> List[int]:
        return dataset.rows_of_batch(self._data.train, self._data, self._stream(step))

    def _with_hooks(self, model_fn: ModelFn) -> ModelFn:
        def model_fn_with_hooks(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor], mode: str,
                                params: NamedTuple) -> tf.estimator.EstimatorSpec:
            spec = model_fn(features, labels, mode, params)
            if mode != tf.estimator.ModeKeys.TRAIN:
                return spec
            self.progress = hooks.Progress(spec.loss, self._run.steps, self._run.batch_size)
            self._stop_at_nan.watch(spec.loss, features.get(dataset.ROW))
            added = [self.progress]
            if self._config.is_chief:
                added.append(self._saver_hook(spec))
            if self._run.timeline:
                added.append(tf.train.ProfilerHook(self._run.timeline, output_dir=self._run.result_dir))
            return spec._replace(training_hooks=added)

        return model_fn_with_hooks

    def _saver_hook(self, spec: tf.estimator.EstimatorSpec) -> tf.train.CheckpointSaverHook:
        """What an Estimator adds by itself, but behind StopAtNan: weights that gave a NaN are not saved."""
        return tf.train.CheckpointSaverHook(
            self._config.model_dir, self._config.save_checkpoints_secs, self._config.save_checkpoints_steps,
            scaffold=spec.scaffold)

    def _export(self) -> None:
        """Writes export/TIMESTAMP with a sample request among its extra assets."""
        with tempfile.TemporaryDirectory() as folder:
            sample = os.path.join(folder, serving.SAMPLE_REQUEST)
            serving.write_sample_request(sample, self._data.test, self._data.schema)
            self._estimator.export_saved_model(
                os.path.join(self._run.result_dir, "export"),
                serving.receiver_fn(self._data.schema, self._data.vocabularies, self._run.toggles.tf),
                assets_extra={serving.SAMPLE_REQUEST: sample})


def make_input(run: Run, data: Data, training: bool, stream: Stream) -> InputFn:
    """The input_fn of a run: of the training rows or of the test rows, columnar or for --tf."""
    file = data.train if training else data.test
    if run.toggles.tf:
        return dataset.tf_input(file, data, stream, with_users=not training)
    return dataset.columnar_input(file, data, stream, ahead=run.toggles.smartstaged)


def run_config(run: Run) -> tf.estimator.RunConfig:
    """The RunConfig of a run; the cluster comes from TF_CONFIG.

    Raises:
      BadInput: TF_CONFIG names more than one process that trains.
    """
    saves: Dict[str, int] = {"save_checkpoints_secs": _SAVE_SECS}
    if run.save_steps is not None:
        saves = {"save_checkpoints_steps": run.save_steps or _NO_SAVES}
    session = tf.ConfigProto(allow_soft_placement=True, inter_op_parallelism_threads=run.inter,
                             intra_op_parallelism_threads=run.intra)
    config = tf.estimator.RunConfig(
        model_dir=run.checkpoint_dir, tf_random_seed=run.seed, keep_checkpoint_max=run.keep_checkpoint_max,
        session_config=session, protocol=None if run.protocol == "grpc" else run.protocol, **saves)
    if config.num_worker_replicas > 1:
        raise BadInput("TF_CONFIG names {} processes that train, and rows are not divided among them yet. "
                       "Give it one chief and no worker.".format(config.num_worker_replicas))
    return config


def _print_features(run: Run, data: Data) -> None:
    rows = deeprec.features(run.toggles, run.protocol)
    rows += [("train rows", "{} of {}".format(data.train_rows, data.train.path)),
             ("test rows", "{} of {}".format(data.test_rows, data.test.path)),
             ("steps", "{} of {} rows, {:.2f} epochs".format(
                 run.steps, run.batch_size, run.steps * run.batch_size / float(data.train_rows))),
             ("checkpoints", run.checkpoint_dir)]
    width = max(len(name) for name, _ in rows)
    print("\n".join("{}  {}".format(name.ljust(width), value) for name, value in rows))


def versions() -> Dict[str, str]:
    """What the numbers of a run depend on."""
    return {"python": platform.python_version(), "tensorflow": tf.__version__, "numpy": np.__version__,
            "pyarrow": pa.__version__, "machine": "{} x {}".format(os.cpu_count(), platform.machine())}


def command() -> str:
    """The command line, as a shell takes it."""
    return " ".join(shlex.quote(word) for word in sys.argv)


def _config(run: Run, data: Data, params: NamedTuple) -> Dict[str, object]:
    """Everything a run was asked to do, for config.json."""
    return {"command": command(), "run": dict(run._asdict(), toggles=run.toggles._asdict()),
            "params": {name: repr(value) for name, value in params._asdict().items()},
            "train": data.train.path, "test": data.test.path, "versions": versions()}


def _start_results(run: Run, data: Data, params: NamedTuple, step: int) -> None:
    """Writes config.json and removes the metrics of a run that goes on, lest they are taken for the new ones."""
    os.makedirs(run.result_dir, exist_ok=True)
    write_json(os.path.join(run.result_dir, "config.json"), _config(run, data, params))
    path = os.path.join(run.result_dir, "metrics.json")
    if step < run.steps and os.path.exists(path):
        os.remove(path)


def _report(run: Run, data: Data, by_task: Dict[str, Dict[str, float]], trainer: _Trainer,
            secs: float) -> Dict[str, object]:
    """What metrics.json holds; a metric that does not exist is null."""
    speed = trainer.progress.steps_per_sec if trainer.progress else 0.0
    tasks = {task: {name: None if np.isnan(value) else value for name, value in values.items()}
             for task, values in by_task.items()}
    return {"tasks": tasks, "seed": run.seed, "global_step": trainer.global_step(),
            "bad_rows": data.bad_rows.count, "unknown_ids": data.bad_rows.unknown_ids, "secs": secs,
            "steps_trained_here": trainer.progress.steps if trainer.progress else 0, "steps_per_sec": speed,
            "samples_per_sec": speed * run.batch_size, "versions": versions(),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
            "command": command()}
