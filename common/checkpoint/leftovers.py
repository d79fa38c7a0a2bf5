"""What a save or an export that was killed, or had no space, leaves behind; never a whole one."""

import glob
import os
import re
import shutil
from typing import List

_STEM = re.compile(r"(model\.ckpt-\d+)(_temp_|\.data-|\.meta$|\.index\.tempstate)")


def of_saves(folder: str) -> List[str]:
    """The files and folders of checkpoints that were not written to their end.

    TensorFlow writes the parts of a checkpoint into a folder of their own and its index last, so a
    checkpoint without an index is none.
    """
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "model.ckpt-*"))):
        match = _STEM.match(os.path.basename(path))
        if not match:
            continue
        is_part = "_temp_" in path or "tempstate" in path
        if is_part or not os.path.exists(os.path.join(folder, match.group(1) + ".index")):
            found.append(path)
    return found


def of_exports(folder: str) -> List[str]:
    """The folders of exports that were not written to their end, those of earlier versions too."""
    inside = os.path.join(glob.escape(folder), "*")
    names = sorted(glob.glob(inside) + glob.glob(os.path.join(glob.escape(folder), ".tmp*")))
    return [path for path in names
            if os.path.basename(path).startswith(("temp-", ".tmp"))]


def remove(paths: List[str]) -> None:
    """Removes files and folders; what is gone already is no error."""
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            os.remove(path)
