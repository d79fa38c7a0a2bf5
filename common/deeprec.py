"""What DeepRec adds to TensorFlow: which of it is switched on, and who serves it in this installation."""

from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

import tensorflow as tf

from common.kernels import dense, native


class _ToggleFields(NamedTuple):
    tf: bool = False
    bf16: bool = False
    emb_fusion: bool = False
    op_fusion: bool = False
    smartstaged: bool = False
    micro_batch: int = 0


class Toggles(_ToggleFields):
    """Which kernels a graph uses; none of them changes a variable.

    Attributes:
      tf: build everything as a TF 1.15.5 user writes it.
      bf16: the inputs of dense layers' products are rounded to bfloat16; variables and sums stay float32.
      emb_fusion: all columns of an input layer are looked up in one native op.
      op_fusion: dense layers, batch normalisations and mixtures side by side are native ops.
      smartstaged: rows are read and decoded ahead of the steps that need them.
      micro_batch: the slices of a batch that follow one another in a step; 0 for whole batches.

    Raises:
      ValueError: tf together with a feature that it switches off.
    """

    __slots__ = ()

    def __new__(cls, *args: int, **kwargs: int) -> "Toggles":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        for name in self._fields[1:]:
            if self.tf and getattr(self, name):
                raise _refused_with_tf(name)
        return self

    @property
    def native(self) -> bool:
        """Whether native ops may be used at all."""
        return self.emb_fusion or self.op_fusion

    def plain(self) -> "Toggles":
        """The same numerics with TensorFlow's own ops alone, as exported models need them."""
        return self._replace(emb_fusion=False, op_fusion=False)


def _refused_with_tf(name: str) -> ValueError:
    return ValueError("--tf switches every DeepRec feature off, so it cannot go with --{}. Drop one of them.".format(
        name))


def is_deeprec() -> bool:
    """Whether the installed TensorFlow is DeepRec's, told by a symbol that only DeepRec has."""
    return hasattr(tf, "get_embedding_variable")


def check_protocol(protocol: str) -> None:
    """Raises ValueError for a protocol that the installed TensorFlow has no server for."""
    if protocol != "grpc" and not is_deeprec():
        raise ValueError("--protocol {} needs DeepRec: TensorFlow {} registers no server for it. Use --protocol grpc.".
                         format(protocol, tf.__version__))


def check_increments(secs: int, tf_only: bool) -> None:
    """Raises ValueError for incremental checkpoints every so many seconds together with --tf."""
    if secs and tf_only:
        raise _refused_with_tf("incremental_ckpt")


def check_workqueue(wanted: bool, toggles: Toggles) -> None:
    """Raises ValueError where a work queue is wanted that cannot be: with --tf, or without native ops."""
    if wanted and toggles.tf:
        raise ValueError("--tf switches every DeepRec feature off, so it cannot go with --workqueue. Drop one of them.")
    reason = native.load().reason if wanted else ""
    if reason:
        raise ValueError("--workqueue is a native op, and there are no native ops: {}. Mend that, or train without "
                         "--workqueue: each trainer then reads a part of the rows of its own.".format(reason))


def own_optimizer(name: str, learning_rate: float, global_step: tf.Variable) -> Optional[tf.compat.v1.train.Optimizer]:
    """DeepRec's adamasync or adagraddecay, None where another TensorFlow is installed."""
    if not is_deeprec():
        return None
    if name == "adamasync":
        return tf.train.AdamAsyncOptimizer(learning_rate)
    return tf.train.AdagradDecayOptimizer(learning_rate, global_step)


# Flags of features that nothing serves, and why.
UNSERVED = {
    "ev": "embedding variables are not there yet. Train on the fixed tables",
    "ev_elimination": "it is a part of --ev, which is not there yet. Train on the fixed tables",
    "ev_filter": "it is a part of --ev, which is not there yet. Train on the fixed tables",
    "adaptive_emb": "it is built on --ev, which is not there yet. Train on the fixed tables",
    "dynamic_ev": "it is built on --ev, which is not there yet. Train on the fixed tables",
    "multihash": "multi-hash tables are not there yet. Train on the fixed tables",
}


def check_served(wanted: Mapping[str, object]) -> None:
    """Raises ValueError for a feature that nothing serves: a flag's name -> its value, falsy for off."""
    for name, reason in UNSERVED.items():
        if wanted[name]:
            raise ValueError("--{} {}: {}.".format(name, wanted[name], reason))


def _native(with_ops: str, without: str) -> str:
    """What native ops do, or what is done without them and why."""
    reason = native.load().reason
    return "{}; no native ops: {}".format(without, reason) if reason else with_ops


def _who_serves_bf16(toggles: Toggles) -> str:
    inputs = "bfloat16 inputs, float32 sums and variables; multiplied "
    if not toggles.op_fusion or not native.load().ops:
        return inputs + "in float32 by TensorFlow's own ops, so the numerics are BF16's and the speed is not"
    if dense.precision(True) == "bfloat16":
        return inputs + "in bfloat16 by oneDNN"
    return inputs + "in float32, as {} has no bfloat16 products: the numerics are BF16's and the speed is not".format(
        "oneDNN" if native.has_bfloat16() else "this CPU")


def features(toggles: Toggles, protocol: str, incremental_ckpt: int = 0) -> List[Tuple[str, str]]:
    """The start-up table: each feature and who serves it."""
    increments = "every {} s the rows touched since the last checkpoint; marked by TensorFlow's ops".format(
        incremental_ckpt)
    served: Dict[str, Callable[[], str]] = {
        "bf16": lambda: _who_serves_bf16(toggles),
        "emb_fusion": lambda: _native("all columns looked up in one native op; tables in slices or on servers by "
                                      "TensorFlow's ops", "lists gathered and summed directly"),
        "op_fusion": lambda: _native("dense layers, norms and mixtures in native ops on oneDNN", "off"),
        "smartstaged": lambda: "read, hashed and split ahead of the steps",
        "micro_batch": lambda: "{} slices of each batch one after another, one update; batch normalisation by the "
                               "slice".format(toggles.micro_batch)}
    return [
        ("TensorFlow", "{} ({})".format(tf.__version__, "DeepRec" if is_deeprec() else "stock")),
        ("input and layers", "as TF 1.15.5 users write them (--tf)" if toggles.tf else "columnar input, id lookups"),
        *[(name, how() if getattr(toggles, name) else "off") for name, how in served.items()],
        ("incremental_ckpt", increments if incremental_ckpt else "off"),
        ("off here", ", ".join(UNSERVED)),
        ("protocol", protocol),
    ]
