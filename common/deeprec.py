"""What DeepRec adds to TensorFlow: which of it is switched on, and who serves it in this installation."""

from typing import List, NamedTuple, Tuple

import tensorflow as tf


class _ToggleFields(NamedTuple):
    tf: bool = False
    bf16: bool = False


class Toggles(_ToggleFields):
    """Which kernels a graph uses; none of them changes a variable.

    Attributes:
      tf: build everything as a TF 1.15.5 user writes it.
      bf16: the inputs of dense layers' products are rounded to bfloat16; variables and sums stay float32.

    Raises:
      ValueError: tf together with a feature that it switches off.
    """

    __slots__ = ()

    def __new__(cls, *args: bool, **kwargs: bool) -> "Toggles":
        self = super().__new__(cls, *args, **kwargs)
        if self.tf and self.bf16:
            raise ValueError("--tf switches every DeepRec feature off, so it cannot go with --bf16. Drop one of them.")
        return self


def is_deeprec() -> bool:
    """Whether the installed TensorFlow is DeepRec's, told by a symbol that only DeepRec has."""
    return hasattr(tf, "get_embedding_variable")


def check_protocol(protocol: str) -> None:
    """Raises ValueError for a protocol that the installed TensorFlow has no server for."""
    if protocol != "grpc" and not is_deeprec():
        raise ValueError("--protocol {} needs DeepRec: TensorFlow {} registers no server for it. Use --protocol grpc.".
                         format(protocol, tf.__version__))


def features(toggles: Toggles, protocol: str) -> List[Tuple[str, str]]:
    """The start-up table: each feature and who serves it."""
    bf16 = "off"
    if toggles.bf16:
        bf16 = ("bfloat16 inputs, float32 sums and variables; multiplied by TensorFlow's float32 kernels, "
                "so the numerics are BF16's and the speed is not")
    return [
        ("TensorFlow", "{} ({})".format(tf.__version__, "DeepRec" if is_deeprec() else "stock")),
        ("input and layers", "as TF 1.15.5 users write them (--tf)" if toggles.tf else "columnar input, id lookups"),
        ("bf16", bf16),
        ("protocol", protocol),
    ]
