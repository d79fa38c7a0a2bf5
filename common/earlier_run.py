"""What config.json says of the run whose checkpoint another start reads: is it of the same kind?"""

import hashlib
import itertools
import json
import os
from typing import Any, Collection, Dict, Iterable, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.checkpoint.warm_variables import Growth
from common.config import schema_file
from common.config.run import Run
from common.embedding.table_spec import variable_name
from common.errors import BadInput
from common.log import log
from common.pipeline.source import Data

CONFIG = "config.json"
_GROWING = ("ev", "adaptive_emb", "dynamic_ev")  # whose tables have a row for each id that comes


def check(folder: str, run: Run, data: Data, params: NamedTuple) -> None:
    """Checks that a run may resume from what is in its folder.

    Args:
      run: what the run is asked to do.
      params: of the model, its `training` among them.

    Raises:
      BadInput: the folder has checkpoints of another model, another optimizer, another schema or
        other vocabularies.
    """
    has_checkpoint = tf.train.latest_checkpoint(run.checkpoint_dir)
    config, before = os.path.join(folder, CONFIG), _read(folder) if has_checkpoint else {}
    if before:
        optimizer = params.training.optimizer  # type: ignore[attr-defined]
        _check_same(config, before, run.model, optimizer)
        _check_schema(config, before, data)
        check_words(config, before, data, tables_grow(run))


def tables_grow(run: Run) -> bool:
    """Whether the tables of a run have a row for each id that comes."""
    return any(name in _GROWING for name, _ in run.enabled_features)


def warm_start_of(folder: str, run: Run) -> Optional[Dict[str, object]]:
    """What a run that resumes has once started from, with --warm_start; None for nothing."""
    if not tf.train.latest_checkpoint(run.checkpoint_dir):
        return None
    return _read(folder).get("warm_start")


def growth(data: Data, folder: str) -> Growth:
    """The columns that have more words than in the run of a folder, for a warm start from it.

    Returns:
      the name of the table of each such vocabulary, or column of words -> words of then and of now.

    Raises:
      BadInput: its words are others, so that rows would be read as those of other words.
    """
    config, of_run = os.path.join(folder, CONFIG), _read(folder)
    if not of_run:
        if data.vocabularies:
            log("warning: there is no {}, so nothing tells whether its vocabularies had the same "
                "words".format(config))
        return {}
    before = of_run.get("vocabularies", {})
    grown = _grown_words(config, of_run, data)
    for column in data.schema.columns:
        if column.vocabulary not in before:
            continue
        words, those = data.vocabularies[column.vocabulary], before[column.vocabulary]
        if not _begins_with(words, those):
            raise BadInput(
                "{}: --warm_start reads a checkpoint that was trained with another {}, of {:,} "
                "words; that of now has {:,}, with other ids. Words may only be added at its end. "
                "Give the vocabularies of that run, or another --warm_start.".format(
                    config, column.vocabulary, those["words"], len(words)))
        if len(words) > those["words"]:
            grown[variable_name(column)] = those["words"], len(words)
    return grown


def _grown_words(config: str, of_run: Dict[str, Any], data: Data) -> Growth:
    """The same for columns whose words the schema lists."""
    then = {column["name"]: column for column in of_run.get("schema", {}).get("columns", [])}
    grown: Growth = {}
    for column in data.schema.columns:
        words, those = list(column.words), then.get(column.name, {}).get("words", [])
        if column.kind != "words" or not those:
            continue
        if words[:len(those)] != those:
            raise BadInput(
                "{}: --warm_start reads a checkpoint in which the words of column {!r} were {}, "
                "and they are {}, with other ids. Words may only be added at their end. Give them "
                "in that order, or the column another name.".format(
                    config, column.name, ", ".join(those), ", ".join(words)))
        if len(words) > len(those):
            grown[variable_name(column)] = len(those), len(words)
    return grown


def _read(folder: str) -> Dict[str, Any]:
    """What the config.json of a folder holds; nothing where there is none."""
    path = os.path.join(folder, CONFIG)
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def _begins_with(words: Collection[bytes], of_run: Dict[str, Any]) -> bool:
    """Whether a vocabulary has all words of that of a run, with the same ids."""
    return digest(words, of_run["words"]) == of_run["sha256"]


def _check_same(config: str, before: Dict[str, Any], model: str, optimizer: str) -> None:
    """Raises BadInput where the run that a config.json holds had other variables."""
    was = before["run"]["model"], _optimizer_of(before["params"])
    if was != (model, optimizer):
        raise BadInput(
            "{}: the checkpoints of this folder are of {} trained with {!r}; {} with {!r} cannot "
            "resume from them. Give the same flags, or another folder to --checkpoint.".format(
                config, *was, model, optimizer))


def _optimizer_of(params: Dict[str, Any]) -> str:
    """The optimizer that a config.json names; before 1.1 it held settings as Python prints them."""
    if "training" in params:
        return params["training"]["optimizer"]
    return params["optimizer"].strip("'")


def _check_schema(config: str, before: Dict[str, Any], data: Data) -> None:
    """Raises BadInput where a checkpoint was trained on other columns, where it kept them."""
    if "schema" not in before:
        return
    difference = schema_file.difference(before["schema"], schema_file.to_json(data.declared))
    if difference:
        raise BadInput(
            "{}: the checkpoints of this folder were trained with another schema: {}. Give the "
            "--schema of that run, which this file holds under \"schema\", or another folder to "
            "--checkpoint.".format(config, difference))


def check_words(config: str, before: Dict[str, Any], data: Data, may_grow: bool) -> None:
    """Checks that a checkpoint's rows would be read as those of the same words.

    Args:
      before: the config.json of the run whose checkpoints they are.
      may_grow: whether words may have been added at the end, as tables grow with their keys.

    Raises:
      BadInput: they would not.
    """
    for name in before.get("vocabularies", {}):
        check_vocabulary(config, before, name, data.vocabularies.get(name, {}), may_grow)


def check_vocabulary(config: str, before: Dict[str, Any], name: str, words: Collection[bytes],
                     may_grow: bool) -> None:
    """The same for the words of one vocabulary, in the order of their ids."""
    of_run = before["vocabularies"][name]
    is_longer = len(words) != of_run["words"]
    if not _begins_with(words, of_run) or is_longer and not may_grow:
        raise BadInput(
            "{}: the checkpoints of this folder were trained with another {}, of {:,} words; that "
            "of now has {:,}, with other ids. Give the vocabularies of that run, or another folder "
            "to --checkpoint.".format(config, name, of_run["words"], len(words)))


def digest(words: Iterable[bytes], count: int) -> str:
    """Of the first words of a vocabulary."""
    text = b"\n".join(itertools.islice(words, count))
    return hashlib.sha256(text).hexdigest()
