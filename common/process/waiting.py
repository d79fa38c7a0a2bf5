"""Waiting for the other processes of a cluster, with a word about whom."""

import socket
import time
from typing import Callable, List, Mapping

from common.errors import NeverCame
from common.log import log

SAY_SECS = 10.0
_POLL_SECS = 1.0


def is_reachable(address: str, timeout_secs: float = 2.0) -> bool:
    """Whether something listens at "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout_secs):
            return True
    except OSError:
        return False


def missing(processes: Mapping[str, str]) -> List[str]:
    """Those of the processes (name -> address) that cannot be reached, as "ps-0 (host:port)"."""
    return ["{} ({})".format(name, address) for name, address in processes.items() if not is_reachable(address)]


def wait(is_there: Callable[[], bool], describe: Callable[[], str], wait_secs: float,
         is_coming: Callable[[], bool] = lambda: False) -> None:
    """Waits until is_there(), saying every 10 s what for.

    Args:
      describe: says who is waited for.
      wait_secs: the longest wait.
      is_coming: while it is so, the wait has no bound.

    Raises:
      NeverCame: it took longer.
    """
    began = alone = said = time.monotonic()
    while not is_there():
        now = time.monotonic()
        alone = now if is_coming() else alone
        if now - alone >= wait_secs:
            raise NeverCame("waited {:.0f} s for {}. See why it does not run, or raise --wait_secs.".format(
                now - alone, describe()))
        if now - said >= SAY_SECS:
            log("waiting for {}, {:.0f} s".format(describe(), now - began))
            said = now
        time.sleep(min(_POLL_SECS, wait_secs))
