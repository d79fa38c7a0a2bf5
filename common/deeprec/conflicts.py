"""Flags that do not go together, anywhere or on DeepRec."""

import os
import re
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Optional

import tensorflow as tf

from common.deeprec import symbols as deeprec
from common.kernels import native

_TABLES = ("ev", "adaptive_emb", "dynamic_ev", "multihash")


class Rule(NamedTuple):
    """Flags that do not go together.

    Attributes:
      flags: as a message names them.
      reason: why, and what to do instead.
      holds: whether flags, name -> value, have such values.
      before: DeepRec's release that mended it, 0 where none did.
    """

    flags: str
    reason: str
    holds: Callable[[Mapping[str, Any]], bool]
    before: int = 0


def _any(flags: Mapping[str, Any], *names: str) -> bool:
    return any(flags[name] for name in names)


EVERYWHERE = (
    Rule(
        "--tf with --bf16, --micro_batch, --ev, --adaptive_emb, --dynamic_ev, --multihash, "
        "--incremental_ckpt or --workqueue",
        "it switches every DeepRec feature off. Drop one of them",
        lambda w: w["tf"] and (_any(w, "bf16", *_TABLES, "incremental_ckpt", "workqueue") or
                               (w["micro_batch"] or 0) > 1)),
    Rule(
        "two of --adaptive_emb, --dynamic_ev and --multihash, or --multihash with --ev",
        "they store the same columns in different ways. Choose one",
        lambda w: (sum(map(bool, [w["adaptive_emb"], w["dynamic_ev"], w["multihash"]])) > 1 or
                   w["multihash"] and w["ev"])),
    Rule("--ev_filter or --ev_elimination without --ev",
         "they are options of embedding variables. Give --ev too",
         lambda w: _any(w, "ev_filter", "ev_elimination") and not w["ev"]),
    Rule("--ev_filter with --adaptive_emb",
         "that decides by itself which keys get a row. Set --hot_freq",
         lambda w: w["ev_filter"] and w["adaptive_emb"]),
    Rule("--ev_elimination l2 with --dynamic_ev",
         "it would drop blocks of one key apart from one another. Use --ev_elimination gstep",
         lambda w: w["ev_elimination"] == "l2" and w["dynamic_ev"]),
)
ON_DEEPREC = (
    Rule(
        "--ev_filter or --ev_elimination with --dynamic_ev",
        "they are options of embedding variables, which DeepRec's tables of dynamic dimension do "
        "not take. Drop one",
        lambda w: _any(w, "ev_filter", "ev_elimination") and w["dynamic_ev"]),
    Rule(
        "--ev_filter with --incremental_ckpt",
        "increments do not hold what the filter has counted, so ids would be admitted late after a "
        "restart. Save whole checkpoints often with --save_steps",
        lambda w: w["ev_filter"] and w["incremental_ckpt"]),
    Rule(
        "--ev_filter counter with --ev_elimination l2",
        "rows that are not admitted were evicted wrongly (DeepRec's change 73). Use "
        "--ev_elimination gstep, or a newer DeepRec",
        lambda w: w["ev_filter"] == "counter" and w["ev_elimination"] == "l2", 2206),
    Rule(
        "--ev_elimination gstep with --optimizer adagraddecay",
        "its update does not note at which step a row was used, so all rows would look unused. Use "
        "--optimizer adagrad or --ev_elimination l2",
        lambda w: w["ev_elimination"] == "gstep" and w["optimizer"] == "adagraddecay"),
    Rule(
        "--incremental_ckpt with --ev, --adaptive_emb or --dynamic_ev",
        "increments of embedding variables were restored wrongly (DeepRec's issue 999). Save whole "
        "checkpoints often with --save_steps, or use a newer DeepRec",
        lambda w: w["incremental_ckpt"] and _any(w, "ev", "adaptive_emb", "dynamic_ev"), 2306),
    Rule(
        "--input_layer_partitioner with --ev, --adaptive_emb, --dynamic_ev or --multihash",
        "these tables have no rows to cut by size (DeepRec's issue 145). Drop it: servers share "
        "embedding variables by key",
        lambda w: w["input_layer_partitioner"] and _any(w, *_TABLES)),
)


def check(flags: Mapping[str, Any]) -> None:
    """Checks the values of all flags against the installed TensorFlow.

    Raises:
      ValueError: flags do not go together, or a feature needs native ops and there are none.
    """
    _check_rules(EVERYWHERE, flags)
    if flags["workqueue"]:
        _check_queue()
    if deeprec.is_deeprec():
        _check_rules(filter(_is_in_force, ON_DEEPREC), flags)


def _check_rules(rules: Iterable[Rule], flags: Mapping[str, Any]) -> None:
    for rule in rules:
        if rule.holds(flags):
            raise _refused(rule, flags)


def _is_in_force(rule: Rule) -> bool:
    """Whether the installed DeepRec is older than the release that mended what a rule refuses."""
    if not rule.before:
        return True
    release = deeprec.release() or rule.before
    return release < rule.before


def _check_queue() -> None:
    reason = native.load().reason
    if reason:
        raise ValueError(
            "--workqueue is a native op, and there are no native ops: {}. Mend that, or train "
            "without --workqueue: each trainer then reads a part of the rows of its own.".format(
                reason))


def _refused(rule: Rule, flags: Mapping[str, Any]) -> ValueError:
    names = set(re.findall(r"--(\w+)", rule.flags))
    words = [_as_words(name, value) for name, value in flags.items() if name in names and value]
    return ValueError("{}: {}. Got: {}.".format(rule.flags, rule.reason, ", ".join(words)))


def _as_words(name: str, value: object) -> str:
    """A flag as a command line has it."""
    return "--" + name if value is True else "--{} {}".format(name, value)


def check_protocol(protocol: str, addresses: Optional[List[str]] = None, folder: str = ".") -> None:
    """Checks what grpc++ and star_server need.

    Args:
      addresses: of the processes of a cluster, which DeepRec wants a second port for.
      folder: the working directory.

    Raises:
      ValueError: the installed TensorFlow has no server for the protocol, or the file of second
        ports is missing.
    """
    if protocol == "grpc":
        return
    if not deeprec.is_deeprec():
        raise ValueError(
            "--protocol {} needs DeepRec: TensorFlow {} registers no server for it. Use --protocol "
            "grpc.".format(protocol, tf.__version__))
    path = os.path.join(folder, ".endpoint_map")
    if addresses and not os.path.exists(path):
        raise ValueError(
            "--protocol {}: {} is missing. Write a line GRPC_ADDRESS=SEASTAR_ADDRESS for each of "
            "the {} processes into it, the first as {}={}:PORT, or use --protocol grpc.".format(
                protocol, path, len(addresses), addresses[0], addresses[0].rsplit(":", 1)[0]))
