"""Starts a new run with the weights of another one (--warm_start)."""

import argparse
import os
from typing import Callable, Dict, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Tensors, Trainer
from common.checkpoint import increment_files, newest, warm_source, warm_start
from common.checkpoint.warm_source import Source
from common.checkpoint.warm_start import Started
from common.checkpoint.warm_variables import Growth
from common.config.flag_types import FILES, FlagParser, add_switch
from common.config.run import Run
from common.errors import BadInput
from common.log import log
from common.places import addresses


_LISTED = 5  # variables in a message
GrowthOf = Callable[[str], Growth]


class WarmStartFrom(NamedTuple):
    """What a new run starts from.

    Attributes:
      path: a run's folder, or the prefix of a checkpoint's files; empty for nothing.
      slots: whether the optimizer's slots come along.
      strict: whether a variable that is not there ends the run.
    """

    path: str = ""
    slots: bool = True
    strict: bool = False


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of what a new run starts from."""
    group = parser.group(FILES)
    group.add_argument(
        "--warm_start", default="", metavar="PATH",
        help="run whose newest checkpoint, or prefix of a checkpoint, that a new run takes its "
             "weights from, at step 0 and with its own rows; a run that has a checkpoint resumes "
             "from its own (default none)")
    add_switch(group, "warm_start_slots", True,
               "with --warm_start, take the optimizer's slots, too")
    add_switch(group, "warm_start_strict", False,
               "with --warm_start, refuse a checkpoint that lacks variables of the model or has "
               "them in another shape, instead of initializing these")


def from_flags(args: argparse.Namespace) -> WarmStartFrom:
    """What the flags start from.

    Raises:
      ValueError: there is nothing of that name, or the flags contradict each other.
    """
    path = args.warm_start
    if not path:
        if args.warm_start_strict or not args.warm_start_slots:
            raise ValueError("--warm_start_strict and --warm_start_slots say how --warm_start "
                             "works, and there is none. Give --warm_start too, or drop them.")
        return WarmStartFrom()
    _check(path, args.checkpoint or "")
    if args.deeprec_tables:
        raise ValueError("--warm_start does not read DeepRec's own tables. Drop --ev, "
                         "--adaptive_emb, --dynamic_ev or --multihash, or --warm_start.")
    return WarmStartFrom(path, args.warm_start_slots, args.warm_start_strict)


def _check(path: str, checkpoint: str) -> None:
    if addresses.is_remote(path):
        raise ValueError(
            "--warm_start {}: a checkpoint is read from a local folder. Copy the run's folder "
            "there first, as with: aws s3 cp --recursive {} FOLDER".format(path, path))
    if checkpoint and os.path.realpath(path) == os.path.realpath(checkpoint):
        raise ValueError(
            "--warm_start {}: that is the folder of --checkpoint, from which the run resumes by "
            "itself. Give the folder of another run, or drop --warm_start.".format(path))
    is_new = not checkpoint or not (
        addresses.is_remote(checkpoint) or tf.train.latest_checkpoint(checkpoint))
    if is_new:
        warm_source.newest(path)  # a run that resumes does not need it any more


class WarmStart(Callback):
    """Sets what a new run begins with; does nothing where the run has a checkpoint of its own.

    Stands behind Keeping, whose saver it leaves in place.

    Args:
      growth_of: gives the vocabularies that have more words than in the run whose folder it is
        given; raises BadInput where their words are others.

    Attributes:
      started: what this process has started from; None where it has not.
    """

    def __init__(self, run: Run, growth_of: GrowthOf) -> None:
        self._run, self._growth_of = run, growth_of
        self._from = run.setting(WarmStartFrom)
        self._source: Optional[Source] = None
        self._growth: Growth = {}
        self.started: Optional[Started] = None

    def attach(self, trainer: Trainer) -> None:
        """Finds the checkpoint, if the run has none of its own.

        Raises:
          BadInput: there is none that is whole, or its vocabularies have other words.
        """
        if not self._from.path or not trainer.is_chief:
            return
        if newest.read(self._run.checkpoint_dir, increment_files.step_of) is None:
            self._source = warm_source.find(self._from.path)
            self._growth = self._growth_of(os.path.dirname(self._source.path))

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Adds to training what sets the variables before the first step."""
        if not self._source or mode != tf.estimator.ModeKeys.TRAIN:
            return spec
        start = warm_start.WarmStart(self._source, self._growth, self._from.slots)
        self._report(start.started)
        self.started = start.started
        return warm_start.with_start(spec, start)

    def _report(self, started: Started) -> None:
        """Logs what comes from where.

        Raises:
          BadInput: something does not, with --warm_start_strict.
        """
        number = len(started.initialized)
        if number and self._from.strict:
            raise BadInput(
                "--warm_start_strict: {} lacks {} of the variables: {}. Drop "
                "--warm_start_strict to initialize these, or give another run.".format(
                    started.checkpoint, number, _some_of(started.initialized)))
        increment = " with {}".format(started.increment) if started.increment else ""
        log("warm start: {} variables are those of step {} of {}{}".format(
            started.variables, started.step, started.checkpoint, increment))
        if number:
            log("warm start: {} are initialized: {}".format(number, _some_of(started.initialized)))


def _some_of(reasons: Dict[str, str]) -> str:
    """The first of the variables that a checkpoint lacks; config.json lists them all."""
    listed = ["{} ({})".format(*one) for one in sorted(reasons.items())]
    more = len(listed) - _LISTED
    return ", ".join(listed[:_LISTED]) + (" and {} more".format(more) if more > 0 else "")
