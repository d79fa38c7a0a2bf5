"""The native ops of this process: loaded at first use, or the reason why there are none."""

import ctypes
import functools
from typing import Any, NamedTuple

import tensorflow as tf

from common.kernels import build


class Native(NamedTuple):
    """The native ops, or why there are none.

    Attributes:
      ops: the module of ops; None where there are none.
      reason: why there are none; else "".
      path: of the shared object, which also has functions that are no ops; "" where there is none.
    """

    ops: Any
    reason: str
    path: str = ""


@functools.lru_cache(maxsize=1)
def load() -> Native:
    """Loads the native ops; builds them first if they are not there."""
    try:
        path = build.library_path()
        # The shared object names oneDNN's library without a folder, and the loader takes the one
        # that is in the process. TensorFlow's is there since its import.
        ctypes.CDLL(build.onednn_library())
        # TensorFlow comes before any other user of the path: ops register when it is first loaded.
        return Native(tf.load_op_library(path), "", path)
    except build.CannotBuild as error:
        return Native(None, str(error))
    except (tf.errors.OpError, OSError) as error:
        return Native(None, "they were built and cannot be loaded: {}".format(error))


@functools.lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16."""
    with open("/proc/cpuinfo") as file:
        flags = next((line for line in file if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags
