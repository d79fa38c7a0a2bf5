"""Requests to object stores: tried again where that may help, and else an error in words."""

import re
import time
from typing import Callable, NamedTuple, Set, Type, TypeVar

import pyarrow.fs

from common.errors import BadInput
from common.log import log
from common.places import stores
from common.places.stores import Store

_PAUSES_SECS = (0.5, 2.0)  # the library itself asks three times before each
_PASSING = re.compile(r"HTTP status 5\d\d|HTTP status 429|SLOW_DOWN|SERVICE_UNAVAILABLE|"
                      r"INTERNAL_FAILURE|THROTTLING|REQUEST_TIMEOUT|NETWORK_CONNECTION|curlCode|"
                      r"UNAVAILABLE|DEADLINE_EXCEEDED")
_UNREACHED = re.compile(r"curlCode: (6|7|28|35|60),|Couldn't resolve host|Couldn't connect")
_reached: Set[str] = set()
Result = TypeVar("Result")


class ShortBody(OSError):
    """A server sent fewer bytes than were asked for."""


class Denied(BadInput):
    """The keys of the environment may not do this."""


class _Reason(NamedTuple):
    """What an error of the library's means.

    Attributes:
      pattern: found in its text.
      meaning: in words; may hold {server} and {bucket}.
      error: what is raised.
    """

    pattern: str
    meaning: str
    error: Type[BadInput] = BadInput


_REASONS = (
    _Reason("INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|ExpiredToken|EXPIRED_TOKEN|"
            "InvalidToken|INVALID_CLIENT_TOKEN|UNRECOGNIZED_CLIENT|"
            "MISSING_AUTHENTICATION_TOKEN|REQUEST_TIME_TOO_SKEWED|REQUEST_EXPIRED",
            "{server} does not accept the keys. Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
            "AWS_SESSION_TOKEN, whether they have expired, and this machine's clock"),
    _Reason("SecondLevelDomainForbidden",
            "{server} takes only addresses with the bucket in the host's name, which pyarrow "
            "cannot write. Copy the rows to local disks, or put a gateway before it"),
    _Reason("PermanentRedirect|HTTP status 301|AuthorizationHeaderMalformed",
            "the bucket {bucket} is in another region. Set AWS_REGION to it"),
    _Reason("ACCESS_DENIED|HTTP status 403|PERMISSION_DENIED",
            "{server} denies it. Check which keys are in the environment, and that they may list, "
            "read and, for a run's folder, write and delete there", Denied),
    _Reason("NO_SUCH_BUCKET",
            "there is no bucket {bucket} at {server}"),
    _Reason("NO_SUCH_KEY|RESOURCE_NOT_FOUND|HTTP status 404|HTTP status 416",
            "it was removed or replaced while it was read. Start again once nobody writes there"),
    _Reason(r"curlCode: 43,",
            "Arrow cannot wait for an answer in a process of 1,024 or more open files and "
            "connections. Close some: `ls -l /proc/PID/fd` names them"),
    _Reason(_UNREACHED.pattern,
            "{server} does not answer. Check AWS_ENDPOINT_URL and the network"),
    _Reason(_PASSING.pattern,
            "{server} failed each time. Start again when it is well; a run resumes from its newest "
            "checkpoint"),
)


def ask(address: str, store: Store, action: str, request: Callable[[], Result]) -> Result:
    """The result of a request; asked for again after errors that pass.

    Args:
      action: what is done with the address, for messages: "read", "write".

    Raises:
      FileNotFoundError: there is no such key.
      BadInput: it failed each time; the message has the address, the reason and what to do.
    """
    for pause in (*_PAUSES_SECS, None):
        try:
            result = request()
        except FileNotFoundError:
            raise
        except OSError as error:
            if pause is None or not _may_pass(error, store):
                raise in_words(address, store, action, _with_reason(error, address, store))
            log("{}: to {} it is tried again in {} s: {}".format(
                address, action, pause, stores.without_secrets(str(error))))
            time.sleep(pause)
        else:
            _reached.add(store.server)
            return result
    raise AssertionError("the last try returns or raises")


def _may_pass(error: OSError, store: Store) -> bool:
    """Whether asking again may help; a server that never answered is not waited for."""
    text = str(error)
    if _UNREACHED.search(text):
        return store.server in _reached
    return isinstance(error, ShortBody) or bool(_PASSING.search(text))


def _with_reason(error: OSError, address: str, store: Store) -> OSError:
    """An error with the server's reason, where it was denied; answers to HEAD have no body."""
    if "ACCESS_DENIED" not in str(error):
        return error
    nothing = stores.path_in(address) + "/."
    selector = pyarrow.fs.FileSelector(nothing, allow_not_found=True)
    try:
        store.files.get_file_info(selector)
    except OSError as of_listing:
        return of_listing
    return error


def in_words(address: str, store: Store, action: str, error: Exception) -> BadInput:
    """What an error of the library's means, without any secret."""
    text = stores.without_secrets(str(error))
    bucket = stores.path_in(address).split("/")[0]
    for reason in _REASONS:
        if re.search(reason.pattern, text):
            meaning = reason.meaning.format(server=store.server, bucket=bucket)
            message = "{}: to {} it failed: {} ({}).".format(address, action, meaning, text)
            return reason.error(message)
    return BadInput("{}: to {} it failed at {}: {}".format(address, action, store.server, text))
