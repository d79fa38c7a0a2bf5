"""Reads Markdown for the tests of documents: links, anchors, files and make's targets."""

import functools
import os
import re
from typing import FrozenSet, Iterator, List, Set

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*?$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)"
                   r"|<(https?://[^>\s]+)>"
                   r"|^\[[^\]]+\]: (\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_GENERATED = re.compile(r"<!-- (?!end)[^>]+-->.*?<!-- end[^>]*-->", re.DOTALL)
_EXTERNAL = re.compile(r"https?://[\w.-]+\.[a-z]{2,}(:\d+)?(/[^\s<>()]*)?$")
_PATH = re.compile(r"(?<![\w./-])\.?\w+/[\w./-]+\.(?:py|sh|md|yaml|cc|h|cfg|svg)\b")
_FILE = re.compile(r"(?<![\w./{-])[A-Za-z]\w*\.(?:py|cc|sh)(?![\w/])")
_PLACEHOLDER = re.compile(r"(?:^|/)(?:NAME|MODEL)[_./]")
_MODULE = re.compile(r"-m ((\w+)(?:\.\w+)*)")
_TARGET = re.compile(r"(?<!\.py )\bmake ([a-z][a-z-]*)")


def documents(root: str) -> Iterator[str]:
    """Paths of the Markdown files below a folder, relative to it, without hidden folders."""
    for folder, folders, names in os.walk(root):
        visible = [name for name in folders if not name.startswith(".") and name != "result"]
        folders[:] = sorted(visible)
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, name), root)


def prose(text: str) -> str:
    """A document's text without its code."""
    return _CODE.sub("`code`", _FENCE.sub("", text))


def code(text: str) -> List[str]:
    """The blocks and spans of code of a document; of a picture, none."""
    blocks = [match.group() for match in _FENCE.finditer(text)]
    spans = _CODE.findall(_FENCE.sub("", text))
    return [block for block in blocks if not block.startswith("```mermaid")] + spans


def links(text: str) -> List[str]:
    """Where the links and images of a document point to."""
    return [next(filter(None, groups)) for groups in _LINK.findall(prose(text))]


def anchors(text: str) -> Set[str]:
    """The anchors that GitHub gives a document's headings."""
    slugs: List[str] = []
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slugs.append(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    counted = [(slug, slugs[:place].count(slug)) for place, slug in enumerate(slugs)]
    return {"{}-{}".format(slug, times) if times else slug for slug, times in counted}


def broken_links(root: str, document: str) -> List[str]:
    """Links of a document that lead nowhere, with the reason; web addresses are judged by form."""
    with open(os.path.join(root, document)) as file:
        text = file.read()
    reasons = {link: _wrong(root, document, link) for link in links(text)}
    return ["{}: {}".format(link, reason) for link, reason in reasons.items() if reason]


def _wrong(root: str, document: str, link: str) -> str:
    """Why a link leads nowhere, or nothing."""
    if "://" in link:
        return "" if _EXTERNAL.match(link) else "not a web address"
    path, _, anchor = link.partition("#")
    source = os.path.join(root, document)
    target = os.path.normpath(os.path.join(os.path.dirname(source), path)) if path else source
    if not os.path.exists(target):
        return "no such file"
    if not anchor:
        return ""
    with open(target) as file:
        return "" if anchor in anchors(file.read()) else "no such heading"


def stale_names(root: str, document: str) -> List[str]:
    """Files and modules that a document's code names and that do not exist.

    A path that begins with one of the root's folders counts from there, a bare name such as
    `input_layer.py` from anywhere; NAME and MODEL are any name.
    """
    with open(os.path.join(root, document)) as file:
        text = "\n".join(code(file.read()))
    paths = [path for path in _PATH.findall(text) if _is_in_root(root, path)]
    gone = [path for path in paths if not os.path.exists(os.path.join(root, path))]
    files = set(_without_placeholders(_FILE.findall(text)))
    bare = sorted(files - _file_names(root))
    ours = [name for name, package in _MODULE.findall(text) if _is_in_root(root, package)]
    modules = [name for name in ours if not _is_module(root, name)]
    return gone + bare + modules


def _without_placeholders(names: List[str]) -> List[str]:
    return [name for name in names if not _PLACEHOLDER.search(name)]


@functools.lru_cache()
def _file_names(root: str) -> FrozenSet[str]:
    """The names of the project's files, without their folders."""
    names: Set[str] = set()
    for _, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name == ".ci" or not name.startswith(".")]
        names.update(files)
    return frozenset(names)


def _is_in_root(root: str, path: str) -> bool:
    """Whether a path names something in a folder of the project, and no placeholder."""
    top = path.partition("/")[0]
    return os.path.isdir(os.path.join(root, top)) and not _PLACEHOLDER.search(path)


def _is_module(root: str, name: str) -> bool:
    path = os.path.join(root, name.replace(".", os.sep))
    return os.path.exists(path + ".py") or os.path.exists(os.path.join(path, "__main__.py"))


def targets(text: str) -> Set[str]:
    """The targets of make that a document's code calls."""
    return set(_TARGET.findall("\n".join(code(text))))


def lines_by_hand(text: str) -> int:
    """The lines of a document, what commands write between marks left out."""
    return len(_GENERATED.sub("", text).splitlines())
