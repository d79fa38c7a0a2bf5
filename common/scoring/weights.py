"""Which weights score rows: those of a checkpoint of a run, or of an export in its folder."""

import argparse
import os
from typing import List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.checkpoint import increment_files
from common.config.flag_types import count, place
from common.log import log
from common.places import addresses
from common.scoring import exported_model

_CONFIG = "config.json"
_NAME = "model.ckpt-{}"


class Weights(NamedTuple):
    """Trained weights.

    Attributes:
      run: the folder of the run that trained them.
      path: the prefix of a checkpoint's files, or the folder of a SavedModel.
      is_export: whether it is a SavedModel.
    """

    run: str
    path: str
    is_export: bool = False


def add_flags(group: argparse._ActionsContainer) -> None:
    """Adds the flags of which weights of a run are meant, and of where its vocabularies are."""
    group.add_argument(
        "--step", type=count, default=None, help="step of the checkpoint (default: the newest)")
    group.add_argument(
        "--checkpoint", default=None, metavar="FOLDER",
        help="folder of the checkpoints, of a run with --output_dir beside --checkpoint (default "
             "RUN)")
    group.add_argument(
        "--data_location", type=place, default=None, metavar="FOLDER",
        help="folder of the vocabularies (default: that of the run)")


def find(folder: str, checkpoints: Optional[str], step: Optional[int]) -> Weights:
    """The weights that a command line names.

    Args:
      folder: of a run, or of an export in it.
      checkpoints: the folder of the run's checkpoints, where it is another one.
      step: of the checkpoint; None for the newest.

    Raises:
      ValueError: they are not there.
    """
    for path in filter(None, [folder, checkpoints]):
        if addresses.is_remote(path):
            raise ValueError("{}: runs are scored from a local folder. Copy it first, as with: aws "
                             "s3 cp --recursive {} FOLDER".format(path, path))
    if not os.path.isdir(folder):
        raise ValueError("{}: there is no such folder. Name the folder of a run, or of an export "
                         "in it.".format(folder))
    if os.path.exists(os.path.join(folder, _CONFIG)):
        return Weights(folder, _checkpoint(checkpoints or folder, step))
    return _export(folder, checkpoints, step)


def _export(folder: str, checkpoints: Optional[str], step: Optional[int]) -> Weights:
    export = exported_model.find(folder)
    if not export:
        raise ValueError("{}: it holds neither {} of a run nor an export.".format(folder, _CONFIG))
    if checkpoints or step is not None:
        raise ValueError("{}: an export has one step and no checkpoints. Drop --step and "
                         "--checkpoint, or name the folder of the run.".format(folder))
    run = os.path.dirname(os.path.dirname(os.path.abspath(export)))
    if not os.path.exists(os.path.join(run, _CONFIG)):
        raise ValueError("{}: there is no {} in {}, which says how rows are read. Leave the export "
                         "in the folder of its run, or copy that file, too.".format(
                             folder, _CONFIG, run))
    return Weights(run, export, is_export=True)


def _checkpoint(folder: str, step: Optional[int]) -> str:
    """The prefix of a checkpoint's files."""
    if step is None:
        newest = tf.train.latest_checkpoint(folder)
        if not newest:
            raise ValueError("{}: there is no checkpoint in it. If the run had --output_dir, give "
                             "its --checkpoint, too.".format(folder))
        _tell_of_increments(newest)
        return newest
    path = os.path.join(folder, _NAME.format(step))
    if not tf.train.checkpoint_exists(path):
        raise ValueError("--step {}: {} has no checkpoint of this step. It has {}. A run keeps "
                         "--keep_checkpoint_max of them.".format(
                             step, folder, ", ".join(_steps(folder)) or "none"))
    return path


def _tell_of_increments(checkpoint: str) -> None:
    """Logs that rows are scored without what the run has trained since its newest checkpoint."""
    newest = increment_files.find(checkpoint)
    if newest.path:
        log("warning: the increment of step {} is newer than {} and is not used. Resume the run: "
            "it begins with the increment and saves a checkpoint.".format(newest.step, checkpoint))


def _steps(folder: str) -> List[str]:
    state = tf.train.get_checkpoint_state(folder)
    paths = list(state.all_model_checkpoint_paths) if state else []
    return [path.rpartition("-")[2] for path in paths]
