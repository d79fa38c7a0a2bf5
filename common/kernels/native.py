"""The native ops of this process: loaded at their first use, and why they are not there where they are not."""

import ctypes
import functools
from typing import Any, List, NamedTuple

import tensorflow as tf

from common.kernels import build


class Native(NamedTuple):
    """What was loaded.

    Attributes:
      ops: the module of ops, None where there are none.
      reason: why there are none, else "".
      path: of the shared object, which has functions beside the ops; "" where there is none.
    """

    ops: Any
    reason: str
    path: str = ""


@functools.lru_cache(maxsize=1)
def load() -> Native:
    """Loads the native ops, which are built first where that was not done yet."""
    try:
        path = build.built()
        # The ops' library names oneDNN's without a folder; the linker takes the one in the process.
        ctypes.CDLL(build.onednn_library())
        # TensorFlow must load the path first: it registers the ops that this alone brings.
        return Native(tf.load_op_library(path), "", path)
    except build.CannotBuild as error:
        return Native(None, str(error))
    except (tf.errors.OpError, OSError) as error:
        return Native(None, "they were built and cannot be loaded: {}".format(error))


@functools.lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16."""
    with open("/proc/cpuinfo") as file:
        flags: List[str] = next((line.split() for line in file if line.startswith("flags")), [])
    return "avx512_bf16" in flags or "amx_bf16" in flags
