"""What the files of a run's folder are by their names: checkpoints, states, what is written last.

A state is the file `checkpoint`, which names the checkpoints of its folder.
"""

import os
import re
from typing import Dict, List, Optional, Sequence, Set

STATE = "checkpoint"
_INCREMENTS = ".incremental_checkpoint"  # its state goes with the last increment
_UNFINISHED = re.compile(r"(^|/)temp-|_temp_|\.tmp\d*|tempstate|\.mirror\.|(^|/)\.write-test$")
_CHECKPOINT = re.compile(r"model\.ckpt-\d+(?=\.)")
_NAMED = re.compile(r'^(?:all_)?model_checkpoint_paths?: "(?:[^"]*/)?([^"/]+)"', re.MULTILINE)
# What runs remove, but for checkpoints: results of an earlier start, and old exports.
_OUTDATED = re.compile(r"(^|/)(metrics|ended_early)\.json$|(^|/)export_best/\d+/")
# Later ones name or complete earlier ones.
_LAST = (re.compile(r"\.index$|(^|/)saved_model\.pb$"), re.compile(r"(^|/)checkpoint$"),
         re.compile(r"(^|/)metrics\.json$"))
RANKS = range(len(_LAST) + 1)


def is_whole(name: str) -> bool:
    """Whether a file is not one that is still written, or of the mirror itself."""
    return not _UNFINISHED.search(name)


def is_state(name: str) -> bool:
    """Whether a file says which checkpoints its folder has."""
    return _base(name) == STATE


def is_lasting_state(name: str) -> bool:
    """Whether a file is a state that no run removes."""
    return is_state(name) and _base(os.path.dirname(name)) != _INCREMENTS


def is_of_checkpoint(name: str) -> bool:
    """Whether a file is a part of a checkpoint."""
    return _prefix(name) is not None


def rank(name: str) -> int:
    """Where a file comes among those that are copied: one of RANKS."""
    for number, pattern in enumerate(_LAST, 1):
        if pattern.search(name):
            return number
    return 0


def below(folder: str) -> List[str]:
    """The names of a local folder's files that are whole, relative to it, sorted."""
    names = []
    for parent, _, of_parent in os.walk(folder):
        for name in of_parent:
            relative = os.path.relpath(os.path.join(parent, name), folder)
            if is_whole(relative):
                names.append(relative)
    return sorted(names)


def restorable(names: Sequence[str], states: Dict[str, str]) -> List[str]:
    """The names but for files of checkpoints that no state names: such were not written whole.

    Args:
      states: what each state holds, by its name.
    """
    return [name for name in names
            if not is_of_checkpoint(name) or _is_named(name, states.get(_state_of(name), ""))]


def is_rotated(name: str, states: Dict[str, str]) -> bool:
    """Whether a file that is gone is of a checkpoint that made room for a newer one.

    A file that a state still names was removed by something else, and so was a state that lasts.

    Args:
      states: what the local states hold, by their names.
    """
    if is_state(name):
        return not is_lasting_state(name)
    state = _state_of(name)
    if not is_of_checkpoint(name) or state not in states and is_lasting_state(state):
        return False
    return not _is_named(name, states.get(state, ""))


def is_removed_by_runs(name: str, states: Dict[str, str]) -> bool:
    """Whether a file that is gone may have been removed by a run: what else is gone was lost."""
    return is_rotated(name, states) or bool(_OUTDATED.search(name))


def newest_index(state: str, text: str) -> Optional[str]:
    """The name of the index of the checkpoint that a state of a name names first."""
    named = _NAMED.search(text)
    return os.path.join(os.path.dirname(state), named.group(1) + ".index") if named else None


def _state_of(name: str) -> str:
    return os.path.join(os.path.dirname(name), STATE)


def _is_named(name: str, state: str) -> bool:
    named: Set[str] = set(_NAMED.findall(state))
    return _prefix(name) in named


def _prefix(name: str) -> Optional[str]:
    match = _CHECKPOINT.match(_base(name))
    return match.group() if match else None


def _base(name: str) -> str:
    return name.rsplit("/", 1)[-1]
