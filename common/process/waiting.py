"""Waits for other processes of a cluster, and logs which."""

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
    """Those of name -> address that cannot be reached, each as "ps-0 (host:port)"."""
    absent = {name: address for name, address in processes.items() if not is_reachable(address)}
    return ["{} ({})".format(name, address) for name, address in absent.items()]


def wait(is_there: Callable[[], bool], describe: Callable[[], str], wait_secs: float,
         is_coming: Callable[[], bool] = lambda: False) -> None:
    """Polls is_there() until it is true, and logs every 10 s what it waits for.

    Args:
      describe: names what is missing, for the log and the error.
      wait_secs: the time limit in seconds.
      is_coming: while it is true, the time limit does not run.

    Raises:
      NeverCame: the time limit is over.
    """
    began = deadline_from = logged = time.monotonic()
    while not is_there():
        now = time.monotonic()
        if is_coming():
            deadline_from = now
        waited = now - deadline_from
        if waited >= wait_secs:
            raise NeverCame("waited {:.0f} s for {}. See why it does not run, or raise "
                            "--wait_secs.".format(waited, describe()))
        if now - logged >= SAY_SECS:
            log("waiting for {}, {:.0f} s".format(describe(), now - began))
            logged = now
        time.sleep(min(_POLL_SECS, wait_secs))
