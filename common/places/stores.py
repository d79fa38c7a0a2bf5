"""The object stores that addresses name, made from the environment alone.

| scheme | variables |
|---|---|
| s3 | AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or AWS_DEFAULT_REGION, the keys of AWS |
| gs | GOOGLE_APPLICATION_CREDENTIALS, or STORAGE_EMULATOR_HOST for a server without keys |
| hdfs | what libhdfs needs: JAVA_HOME, HADOOP_HOME, CLASSPATH |
"""

import datetime
import functools
import os
import re
import sys
import urllib.parse
from typing import Callable, Dict, Mapping, NamedTuple, Optional

import pyarrow.fs

from common.errors import BadInput, in_one_line
from common.places import addresses

_CONNECT_SECS = 5
_REQUEST_SECS = 30
_GCS_SECS = 30
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# Any of these lets Amazon's library find keys by itself.
_OTHER_KEYS = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
               "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_PROFILE")
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
# Servers want longer keys than this; those of servers for tests may be a letter.
_SHORT = 8


class Endpoint(NamedTuple):
    """An S3 server; all empty for Amazon's own of the region.

    Attributes:
      scheme: http or https.
      host: with its port.
    """

    scheme: str
    host: str


class Store(NamedTuple):
    """A file system and how it is called in messages.

    Attributes:
      files: it takes paths without the scheme.
      server: where it is.
    """

    files: pyarrow.fs.FileSystem
    server: str


def of(address: str) -> Store:
    """The store that an address lies in; made once for the same environment.

    Raises:
      BadInput: the address cannot be used, or the environment lacks what its store needs.
    """
    scheme = addresses.scheme(addresses.check(address))
    try:
        return _MAKERS[scheme](address)
    except OSError as error:
        raise BadInput("{}: {}".format(address, without_secrets(str(error))))


def path_in(address: str) -> str:
    """The path of an address in its store."""
    scheme, rest = address.split("://", 1)
    if scheme != "hdfs":
        return rest.rstrip("/")
    _, slash, path = rest.partition("/")
    return (slash + path).rstrip("/") or "/"


def without_secrets(text: str) -> str:
    """An error's text in one line, without the keys of the environment, should it show them."""
    text = in_one_line(text)
    for name in _SECRETS:
        value = os.environ.get(name)
        if value:
            text = _without(text, value, name)
    return text


def _without(text: str, value: str, name: str) -> str:
    """The text with a name in place of a value; of a short one, only where it is a whole word."""
    if len(value) < _SHORT:
        return re.sub(r"(?<!\w){}(?!\w)".format(re.escape(value)), name, text)
    return text.replace(value, name)


def endpoint(environment: Mapping[str, str]) -> Optional[Endpoint]:
    """The S3 server that the environment names; None for Amazon's.

    Raises:
      BadInput: its address is none of the form http://HOST:PORT or https://HOST:PORT.
    """
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        url = environment.get(name)
        if url:
            return _parsed(name, url)
    return None


def _parsed(name: str, url: str) -> Endpoint:
    parts = urllib.parse.urlsplit(url)
    if "@" in parts.netloc:
        raise BadInput("{}: it holds a user or a key, which is not shown. Expected "
                       "http://HOST:PORT or https://HOST:PORT.".format(name))
    is_whole = parts.scheme in ("http", "https") and bool(parts.netloc)
    if not is_whole or parts.path.strip("/") or parts.query:
        raise BadInput("{} is {!r}. Expected http://HOST:PORT or https://HOST:PORT.".format(
            name, url))
    return Endpoint(parts.scheme, parts.netloc)


def _s3(address: str) -> Store:
    environment = os.environ
    place = endpoint(environment)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region and not place:
        raise BadInput(
            "{}: which server is meant? Set AWS_REGION for Amazon's, or AWS_ENDPOINT_URL for "
            "another (http://HOST:PORT).".format(address))
    is_anonymous = environment.get("AWS_SKIP_SIGNATURE", "").lower() == "true"
    if not is_anonymous:
        _check_keys(address, environment)
    values = tuple(environment.get(name, "") for name in (*_SECRETS, *_OTHER_KEYS))
    return _make_s3(place, region or "us-east-1", is_anonymous, hash(values), os.getpid())


def _check_keys(address: str, environment: Mapping[str, str]) -> None:
    """Raises BadInput where nothing in the environment says what keys there are."""
    missing = [name for name in _KEYS if not environment.get(name)]
    is_instance = environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "false"
    if not missing or is_instance or any(environment.get(name) for name in _OTHER_KEYS):
        return
    raise BadInput(
        "{}: {} {} not set. Set both, or AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for a bucket that "
        "everybody may read; on a machine of EC2 with a role, AWS_EC2_METADATA_DISABLED=false."
        .format(address, " and ".join(missing), "is" if len(missing) == 1 else "are"))


@functools.lru_cache(maxsize=16)
def _make_s3(place: Optional[Endpoint], region: str, is_anonymous: bool, keys: int,
             process: int) -> Store:
    """One file system for each server, set of keys and process.

    Args:
      keys: differs where the keys do. Amazon's library reads them by itself.
      process: a forked process has none of the library's threads.
    """
    arguments: Dict[str, object] = {}
    server = "Amazon S3 in {}".format(region)
    if place:
        arguments.update(endpoint_override=place.host, scheme=place.scheme)
        server = "{}://{}".format(place.scheme, place.host)
    files = pyarrow.fs.S3FileSystem(
        anonymous=is_anonymous, region=region, connect_timeout=_CONNECT_SECS,
        request_timeout=_REQUEST_SECS, **arguments)
    return Store(files, server)


def _gcs(address: str) -> Store:
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    if not emulator and not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        raise BadInput("{}: GOOGLE_APPLICATION_CREDENTIALS is not set. It names the JSON file of a "
                       "service account.".format(address))
    _check_order(address)
    return _make_gcs(emulator, os.getpid())


def _check_order(address: str) -> None:
    """Raises BadInput where TensorFlow was imported before pyarrow: gs:// would end the process."""
    modules = list(sys.modules)
    if "tensorflow" in modules[:modules.index("pyarrow")]:
        raise BadInput("{}: this program imports tensorflow before pyarrow, which then fails at "
                       "gs:// (SIGSEGV). Import common or pyarrow first.".format(address))


@functools.lru_cache(maxsize=16)
def _make_gcs(emulator: str, process: int) -> Store:
    limit = datetime.timedelta(seconds=_GCS_SECS)
    if not emulator:
        return Store(pyarrow.fs.GcsFileSystem(retry_time_limit=limit), "Google Cloud Storage")
    place = _parsed("STORAGE_EMULATOR_HOST", emulator)
    files = pyarrow.fs.GcsFileSystem(anonymous=True, scheme=place.scheme,
                                     endpoint_override=place.host, retry_time_limit=limit)
    return Store(files, emulator)


def _hdfs(address: str) -> Store:
    authority = address.split("://", 1)[1].split("/")[0]
    host, _, port = authority.partition(":")
    if port and not port.isdigit():
        raise BadInput("{}: the port is {!r}. Write hdfs://HOST:PORT/PATH.".format(address, port))
    try:
        return _make_hdfs(host or "default", int(port or 0), os.getpid())
    except OSError as error:
        raise BadInput("{}: HDFS cannot be reached ({}). Set JAVA_HOME, HADOOP_HOME and CLASSPATH "
                       "(`hadoop classpath --glob`) as libhdfs needs them.".format(address, error))


@functools.lru_cache(maxsize=16)
def _make_hdfs(host: str, port: int, process: int) -> Store:
    return Store(pyarrow.fs.HadoopFileSystem(host, port), "{}:{}".format(host, port))


def forget() -> None:
    """Lets go of all file systems."""
    for make in (_make_s3, _make_gcs, _make_hdfs):
        make.cache_clear()


_MAKERS: Dict[str, Callable[[str], Store]] = {"s3": _s3, "gs": _gcs, "hdfs": _hdfs}
