"""What a run is asked to do."""

import argparse
import os
import time
from typing import Any, NamedTuple, Optional, Tuple, Type, TypeVar

from common.config import mirrored
from common.config.cluster import Cluster
from common.config.flag_types import FILES, TRAINING, FlagParser, boolean, count, place, positive
from common.config.mirrored import Mirrored
from common.config.model import Model
from common.config.toggles import Toggles

DEFAULT_OUTPUT = mirrored.DEFAULT_TOP
Kind = TypeVar("Kind")


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of how long is trained, what is kept and where."""
    training, files = parser.group(TRAINING), parser.group(FILES)
    training.add_argument(
        "--steps", type=count, default=0,
        help="global step at which training ends; 0: where the epochs end (default 0)")
    training.add_argument(
        "--epochs", type=positive, default=None,
        help="how often the rows are read; with --steps, whichever ends first (default {}; with "
             "--steps, no limit)".format(parser.get_default("epochs")))
    training.add_argument(
        "--no_eval", type=boolean, nargs="?", const=True, default=False,
        help="do not evaluate on the test rows")
    training.add_argument(
        "--batch_size", type=positive, default=512, help="rows a step (default 512)")
    files.add_argument(
        "--output_dir", type=place, default=None,
        help="folder of logs and saved models (default ./result, or the checkpoints' with "
             "--checkpoint)")
    files.add_argument(
        "--checkpoint", "--checkpoint_dir", type=place, default=None,
        help="folder of the checkpoints; training resumes from what is in it (default "
             "OUTPUT_DIR/model_MODEL_TIMESTAMP)")
    _add_saving(parser)


def _add_saving(parser: FlagParser) -> None:
    save_steps = parser.get_default("save_steps")
    training, files = parser.group(TRAINING), parser.group(FILES)
    files.add_argument(
        "--save_steps", type=count, default=save_steps,
        help="steps between checkpoints; 0: only at the end (default {})".format(
            "every 600 seconds" if save_steps is None else save_steps))
    training.add_argument(
        "--seed", type=count, default=2021,
        help="seed of weights and row order (default 2021)")
    files.add_argument(
        "--timeline", type=count, default=None,
        help="steps between Chrome traces, written to timeline-STEP.json; 0: none (default none)")
    files.add_argument(
        "--keep_checkpoint_max", type=positive, default=1,
        help="newest checkpoints kept (default 1)")


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
    cluster: Optional[Cluster] = None
    wait_secs: float = 1800.0
    incremental_ckpt: int = 0
    workqueue: bool = False
    enabled_features: Tuple[Tuple[str, str], ...] = ()
    settings: Tuple[Any, ...] = ()
    mirrors: Tuple[Mirrored, ...] = ()
    eval_rows: int = 0


class Run(_RunFields):
    """What one run does, apart from the model.

    Attributes:
      model: the model's name.
      checkpoint_dir: folder of checkpoints and events; training resumes from what is in it.
      result_dir: folder of config.json, metrics.json, timelines and export/.
      steps: the global step at which training ends; 0: where the epochs end.
      epochs: how often the rows are read: the last batch then ends with the last row and may be
        smaller. 0: the rows are repeated for as long as the steps last.
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
      cluster: the job that this process is a part of, None for a run in one process.
      wait_secs: how long to wait for other processes of it.
      incremental_ckpt: seconds between incremental checkpoints, 0 for none.
      workqueue: whether trainers take their rows from one queue of work items.
      enabled_features: the features that are on besides the toggles, and their values.
      settings: of single callbacks, each a NamedTuple of its own class; see `setting`.
      mirrors: those folders that stand for one in an object store.
      eval_rows: sampled rows that evaluations within training are of, 0 for all rows.

    Raises:
      ValueError: batch_size, or steps without epochs, is not > 0.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Run":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        positive_fields = ("batch_size",) if self.epochs else ("steps", "batch_size")
        for name in positive_fields:
            if getattr(self, name) <= 0:
                raise ValueError("{} must be > 0. Got: {}.".format(name, getattr(self, name)))
        return self

    @classmethod
    def from_flags(cls, args: argparse.Namespace, model: Model,
                   enabled_features: Tuple[Tuple[str, str], ...]) -> "Run":
        """What flags say, whose toggles, cluster and settings are parsed.

        A field takes the value of the flag of its name, where there is one.

        Without --steps and --epochs, the rows are read as often as the model says.
        """
        name = model.name.upper()
        output = os.path.join(args.output_dir or DEFAULT_OUTPUT, "model_" + name)
        checkpoint = args.checkpoint or _new_folder(output)
        result = args.output_dir if args.checkpoint and args.output_dir else checkpoint
        default_epochs = 0 if args.steps else model.epochs
        values = {name: getattr(args, name) for name in cls._fields if hasattr(args, name)}
        values.update(
            model=name, checkpoint_dir=mirrored.local_folder(checkpoint),
            result_dir=mirrored.local_folder(result), mirrors=mirrored.of([checkpoint, result]),
            epochs=args.epochs or default_epochs, evaluate=not args.no_eval,
            shuffle_rows=args.shuffle_buffer, parquet_shuffle=args.parquet_dataset_shuffle,
            timeline=args.timeline or 0, enabled_features=enabled_features)
        return cls(**values)

    @property
    def num_trainers(self) -> int:
        """How many processes train."""
        return self.cluster.num_trainers if self.cluster else 1

    def setting(self, kind: Type[Kind]) -> Kind:
        """The settings of that class, its defaults where the run has none."""
        for value in self.settings:
            if isinstance(value, kind):
                return value
        return kind()

    def shown(self, path: str) -> str:
        """A path as the user knows it: that of a folder in an object store is its address."""
        return mirrored.shown(path, self.mirrors)


def _new_folder(stem: str) -> str:
    """A folder name of the stem and the time in seconds that is not taken yet."""
    stamp = int(time.time())
    while os.path.exists("{}_{}".format(stem, stamp)):
        stamp += 1
    return "{}_{}".format(stem, stamp)
