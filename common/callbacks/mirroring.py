"""Copies a run's folder to an object store after each save."""

import contextlib
from typing import Iterator, List, Sequence

from common.callbacks.callback import Callback
from common.config.mirrored import Mirrored
from common.errors import BadInput
from common.log import log
from common.places.mirrors import Mirror, NotAlone


class Mirroring(Callback):
    """Copies what a save has changed, once it is whole.

    A store that fails for a while does not end training: the next save copies what this one could
    not, and a run is only over once everything is there.
    """

    def __init__(self, mirrors: Sequence[Mirror]) -> None:
        self._mirrors = mirrors

    def around(self) -> "contextlib.AbstractContextManager[object]":
        """Copies what an earlier start could not, before this one trains anything.

        Raises:
          BadInput: the store fails or denies.
        """
        for mirror in self._mirrors:
            mirror.push()
        return contextlib.nullcontext()

    def saving(self, is_saving: bool) -> None:
        """Copies what was saved."""
        if is_saving:
            return
        for mirror in self._mirrors:
            _push_if_possible(mirror)


def _push_if_possible(mirror: Mirror) -> None:
    """Copies what changed, or logs why that failed; raises NotAlone where another run writes."""
    try:
        mirror.push()
    except NotAlone:
        raise
    except BadInput as error:
        log("warning: what was saved is in {} alone, the next save tries again: {}".format(
            mirror.folder, error))


@contextlib.contextmanager
def mirrored(folders: Sequence[Mirrored]) -> Iterator[List[Mirror]]:
    """Around a run: fetches its folders at the start, and copies all that it wrote at its end.

    Raises:
      BadInput: a store fails or denies at the start, or at the end of a run that did not fail
        before.
    """
    mirrors = [Mirror(folder.address, folder.folder) for folder in folders]
    try:
        for mirror in mirrors:
            mirror.open()
        try:
            yield mirrors
        except BaseException:
            for mirror in mirrors:
                with contextlib.suppress(NotAlone):
                    _push_if_possible(mirror)
            raise
        for mirror in mirrors:
            _push_last(mirror)
    finally:
        for mirror in mirrors:
            mirror.close()


def _push_last(mirror: Mirror) -> None:
    try:
        mirror.push()
    except NotAlone:
        raise
    except BadInput as error:
        raise BadInput("{} All that the run wrote is in {}: the same command on this machine "
                       "copies it.".format(error, mirror.folder))
