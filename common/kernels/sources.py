"""The C++ sources of a folder: their texts, and which headers each of them includes."""

import glob
import hashlib
import os
import re
from typing import Dict, Iterable, List, Sequence, Set

_INCLUDE = re.compile(r'^#include "(.+)"', re.MULTILINE)


class Sources:
    """The C++ files of a folder and of its subfolders, by the paths by which they are included."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.texts: Dict[str, str] = {}
        for pattern in ("*.cc", "*.h", "*/*.cc", "*/*.h"):  # no deeper: builds happen in built/*/
            self._read(os.path.join(glob.escape(root), pattern))

    def _read(self, pattern: str) -> None:
        for path in glob.glob(pattern):
            with open(path, encoding="utf-8") as file:
                self.texts[os.path.relpath(path, self.root)] = file.read()

    @property
    def units(self) -> List[str]:
        """The files that are compiled to an object each, sorted."""
        return sorted(path for path in self.texts if path.endswith(".cc"))

    def closure(self, path: str) -> Set[str]:
        """A source and all headers of the folder that it includes, directly or through others."""
        seen: Set[str] = set()
        ahead = [path]
        while ahead:
            current = ahead.pop()
            # Headers of TensorFlow and oneDNN are not in texts.
            if current in self.texts and current not in seen:
                seen.add(current)
                ahead += _INCLUDE.findall(self.texts[current])
        return seen

    def digest(self, paths: Iterable[str], words: Sequence[str]) -> str:
        """A hash of the paths and texts of some files, and of some words."""
        parts = list(words)
        for path in sorted(paths):
            parts += [path, self.texts[path]]
        joined = "\0".join(parts)
        return hashlib.sha256(joined.encode()).hexdigest()[:16]
