"""Paths as other tools print them: `file:` URIs, Hadoop's `s3a://`, and URIs that are encoded."""

import re
from typing import List, Sequence
from urllib.parse import unquote

from common.places import location

_HADOOP_S3 = re.compile(r"^s3[an]://")


def local(name: str) -> str:
    """The path of a `file:` URI; other names as they are.

    Iceberg prints such URIs as they stand, Spark encoded (`%20`): the one that is there is meant.
    """
    if not name.startswith("file:/"):
        return name
    path = "/" + name[len("file:"):].lstrip("/")
    is_there = location.exists(path) or location.folder_exists(path)
    return path if is_there else unquote(path)


def in_list(lines: Sequence[str]) -> List[str]:
    """The paths and addresses of a list, all printed by the same tool."""
    names = [_HADOOP_S3.sub("s3://", local(line)) for line in lines]
    if _are_encoded(names):
        return [unquote(name) if location.is_remote(name) else name for name in names]
    return names


def _are_encoded(names: Sequence[str]) -> bool:
    """Whether addresses are encoded: the first that it makes a difference to tells for all.

    So an object store is asked twice at most, not once for each of thousands.
    """
    for name in names:
        if location.is_remote(name) and unquote(name) != name:
            return not location.exists(name) and location.exists(unquote(name))
    return False
