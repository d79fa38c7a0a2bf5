"""Flags that nothing serves here, and flags that do not go together on DeepRec."""

import os
from typing import Any, Callable, List, Mapping, NamedTuple, Optional

import tensorflow as tf

from common import deeprec

# The flags that are looked at.
WANTED = ("tf", "micro_batch", "ev", "ev_filter", "ev_elimination", "adaptive_emb", "dynamic_ev", "multihash",
          "incremental_ckpt", "workqueue", "optimizer", "input_layer_partitioner", "parquet_dataset_shuffle")
# Flags of features that nothing serves on the stock wheel, and why.
UNSERVED = {
    "micro_batch": "batches are not divided yet. Lower --batch_size",
    "ev": "embedding variables are not there yet. Train on the fixed tables",
    "ev_elimination": "it is a part of --ev, which is not there yet. Train on the fixed tables",
    "ev_filter": "it is a part of --ev, which is not there yet. Train on the fixed tables",
    "adaptive_emb": "it is built on --ev, which is not there yet. Train on the fixed tables",
    "dynamic_ev": "it is built on --ev, which is not there yet. Train on the fixed tables",
    "multihash": "multi-hash tables are not there yet. Train on the fixed tables",
    "incremental_ckpt": "increments are not there yet. Save whole checkpoints often with --save_steps",
    "workqueue": "there is no queue of work items yet. Rows are read in an order of the seed, and a run goes on "
                 "where it stopped, without it",
}
_TABLES = ("ev", "adaptive_emb", "dynamic_ev", "multihash")


class Rule(NamedTuple):
    """Flags that do not go together on DeepRec.

    Attributes:
      flags: as a message names them.
      reason: why, and what to do instead.
      holds: whether the values of WANTED are such.
      before: the release that mended it, None where none did.
    """

    flags: str
    reason: str
    holds: Callable[[Mapping[str, Any]], bool]
    before: int = 0


def _any(wanted: Mapping[str, Any], *names: str) -> bool:
    return any(wanted[name] for name in names)


RULES = (
    Rule("--tf with --ev, --adaptive_emb, --dynamic_ev or --multihash",
         "--tf switches every DeepRec feature off. Drop one of them",
         lambda w: w["tf"] and _any(w, *_TABLES)),
    Rule("--ev_filter or --ev_elimination without --ev, or with --dynamic_ev",
         "they are options of embedding variables, which DeepRec's tables of dynamic dimension do not take. Give --ev, "
         "and not --dynamic_ev",
         lambda w: _any(w, "ev_filter", "ev_elimination") and (not w["ev"] or w["dynamic_ev"])),
    Rule("two of --adaptive_emb, --dynamic_ev and --multihash",
         "each is a table of its own kind. Choose one",
         lambda w: sum(bool(w[name]) for name in ("adaptive_emb", "dynamic_ev", "multihash")) > 1),
    Rule("--multihash with --ev",
         "two tables of fixed size and a growing one cannot serve the same columns. Choose one",
         lambda w: w["multihash"] and w["ev"]),
    Rule("--ev_filter with --incremental_ckpt",
         "increments do not hold what the filter has counted, so ids would be admitted late after a restart. Save "
         "whole checkpoints often with --save_steps",
         lambda w: w["ev_filter"] and w["incremental_ckpt"]),
    Rule("--ev_filter counter with --ev_elimination l2",
         "rows that are not admitted were evicted wrongly (DeepRec's change 73). Use --ev_elimination gstep, or a "
         "newer DeepRec", lambda w: w["ev_filter"] == "counter" and w["ev_elimination"] == "l2", 2206),
    Rule("--ev_elimination gstep with --optimizer adagraddecay",
         "its update does not note at which step a row was used, so all rows would look unused. Use --optimizer "
         "adagrad or --ev_elimination l2",
         lambda w: w["ev_elimination"] == "gstep" and w["optimizer"] == "adagraddecay"),
    Rule("--incremental_ckpt with --ev, --adaptive_emb or --dynamic_ev",
         "increments of embedding variables were restored wrongly (DeepRec's issue 999). Save whole checkpoints often "
         "with --save_steps, or use a newer DeepRec",
         lambda w: w["incremental_ckpt"] and _any(w, "ev", "adaptive_emb", "dynamic_ev"), 2306),
    Rule("--input_layer_partitioner with --ev, --adaptive_emb, --dynamic_ev or --multihash",
         "these tables have no rows to cut by size (DeepRec's issue 145). Drop it: servers share embedding variables "
         "by key", lambda w: w["input_layer_partitioner"] and _any(w, *_TABLES)),
)


def check(wanted: Mapping[str, Any]) -> None:
    """Checks the values of WANTED against the installed TensorFlow.

    Raises:
      ValueError: nothing serves a flag, or flags do not go together.
    """
    for name, reason in UNSERVED.items():
        if wanted[name] and (name, wanted[name]) != ("micro_batch", 1) and not deeprec.has(name):
            raise ValueError("--{} {}: {}.".format(name, wanted[name], reason))
    if not deeprec.is_deeprec():
        return
    for rule in RULES:
        if rule.holds(wanted) and (not rule.before or (deeprec.release() or rule.before) < rule.before):
            raise ValueError("{}: {}.".format(rule.flags, rule.reason))


def check_protocol(protocol: str, addresses: Optional[List[str]] = None, folder: str = ".") -> None:
    """Checks what grpc++ and star_server need.

    Args:
      addresses: of the processes of a cluster, which DeepRec wants a second port for.
      folder: the working directory.

    Raises:
      ValueError: the installed TensorFlow has no server for the protocol, or the file of second ports is missing.
    """
    if protocol == "grpc":
        return
    if not deeprec.is_deeprec():
        raise ValueError("--protocol {} needs DeepRec: TensorFlow {} registers no server for it. Use --protocol grpc.".
                         format(protocol, tf.__version__))
    path = os.path.join(folder, ".endpoint_map")
    if addresses and not os.path.exists(path):
        raise ValueError(
            "--protocol {}: {} is missing. Write a line GRPC_ADDRESS=SEASTAR_ADDRESS for each of the {} processes into "
            "it, the first as {}={}:PORT, or use --protocol grpc.".format(
                protocol, path, len(addresses), addresses[0], addresses[0].rsplit(":", 1)[0]))
