"""Memory that is used again and again, chunk after chunk.

The C library gives large pieces back to the kernel as soon as they are free, and the kernel clears
each page of them when they are asked for anew: a quarter of the time that rows of Ele.me take.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
_KEPT_BYTES = 512 << 20
_LARGEST_PIECE = 32 << 20  # glibc takes no larger one


def keep() -> None:
    """Lets glibc keep what is freed, up to a limit, for what is needed next; nothing elsewhere.

    TensorFlow and NumPy allocate by it, too.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_PIECE)
