"""Paths and addresses: what of a path says that it lies in an object store, and what is refused.

`s3://bucket/key`, `gs://bucket/key` and `hdfs://host:port/path` are addresses; a path without a
scheme is local. A scheme is a scheme wherever a path is taken: `s3://bucket` is never a local
folder named `s3:`.
"""

import re

from common.errors import BadInput

SCHEMES = ("s3", "gs", "hdfs")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ONE_SLASH = re.compile(r"({}):/?(?!/)".format("|".join(SCHEMES)), re.IGNORECASE)
_OPTION = re.compile(r"\?[A-Za-z_]+=")
_VARIABLES = "keys and endpoints come from the environment alone (AWS_ACCESS_KEY_ID, " \
    "AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"


def is_remote(path: str) -> bool:
    """Whether a path is an address in an object store or of HDFS."""
    return _SCHEME.match(path) is not None


def scheme(address: str) -> str:
    """What stands before `://`; empty for a local path."""
    match = _SCHEME.match(address)
    return match.group(1) if match else ""


def check(path: str) -> str:
    """Returns a path or an address that can be used.

    Raises:
      BadInput: its scheme is not one of SCHEMES, no bucket or host follows, or it holds a key or an
        option; the message does not show those.
    """
    if not is_remote(path):
        _check_slashes(path)
        return path
    given = scheme(path)
    rest = path[len(given) + 3:]
    authority = rest.split("/")[0]
    if "@" in authority or _OPTION.search(rest):
        raise BadInput(
            "{}://...: the address holds a user, a key or an option. Write {}://BUCKET/KEY: "
            "{}.".format(given, given, _VARIABLES))
    if given not in SCHEMES:
        raise BadInput(
            "{}: rows and runs lie in local folders or at {}; {}:// is none of them.{}".format(
                path, _listed(), given, _hint(given)))
    if not authority and given != "hdfs":
        raise BadInput("{}: there is no bucket in it. Write {}://BUCKET/KEY.".format(path, given))
    return path


def check_local(path: str, what: str) -> str:
    """Returns a local path.

    Args:
      what: is written there, for the message.

    Raises:
      BadInput: it is an address.
    """
    if is_remote(check(path)):
        raise BadInput(
            "{}: {} to a local folder. Write them there, and copy the folder, as with: aws s3 cp "
            "--recursive FOLDER {}".format(path, what, path))
    return path


def _check_slashes(path: str) -> None:
    """Raises BadInput for `s3:bucket` and `s3:/bucket`."""
    match = _ONE_SLASH.match(path)
    if match:
        raise BadInput("{}...: an address begins with {}://.".format(
            match.group(0), match.group(1).lower()))


def _listed() -> str:
    return ", ".join(name + "://" for name in SCHEMES)


def _hint(given: str) -> str:
    """What to write in place of some schemes."""
    if given.lower() in SCHEMES:
        return " Write it in small letters."
    if given == "file":
        return " Write the path without file://."
    if given in ("s3a", "s3n", "oss", "minio"):
        return " Write s3:// and set AWS_ENDPOINT_URL."
    if given == "gcs":
        return " Write gs://."
    return ""
