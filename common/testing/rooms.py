"""Draws which room imports which, as a Mermaid graph: python -m common.testing.rooms [--write].

With --write the picture in CONTRIBUTING.md is drawn anew.
"""

import argparse
import ast
import glob
import os
from typing import Dict, Iterator, List, Optional, Set, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT = os.path.join(ROOT, "CONTRIBUTING.md")
BEGIN, END = "<!-- python -m common.testing.rooms -->", "<!-- end -->"
LEAVES = ("counts", "errors", "files", "log", "tf_private")
MODELS = "models"
FRONT = "front"
_SYMBOLS = "deeprec.symbols"

Imports = Dict[str, Set[str]]


def room_of(module: str) -> str:
    """The room of a module: a folder of common/, "leaves", "front", "data" or "models"."""
    top, _, rest = module.partition(".")
    if top != "common":
        return top if top == "data" else MODELS
    if rest == "deeprec.__main__":
        return FRONT  # a command: it asks the parser which flags there are
    if rest.startswith(_SYMBOLS):
        return _SYMBOLS  # lower than the rest of its folder: kernels and layers look up symbols too
    first = rest.partition(".")[0]
    if not first or first.startswith("__"):
        return "leaves"  # common/__init__.py, which holds the version alone
    if os.path.isdir(os.path.join(ROOT, "common", first)):
        return first
    return "leaves" if first in LEAVES else FRONT


def sources(root: str) -> Iterator[str]:
    """Product modules by dotted name: no tests and nothing that only tests import."""
    for path in sorted(glob.glob(os.path.join(root, "**", "*.py"), recursive=True)):
        name = os.path.relpath(path, root)[:-len(".py")].replace(os.sep, ".")
        in_project = name.split(".")[0] in ("common", "data") or name.endswith(".train")
        is_for_tests = name.endswith(("_test", "conftest", ".testing")) or ".testing." in name
        if in_project and not is_for_tests:
            yield name


def imported(root: str, module: str) -> Set[str]:
    """Dotted names of ours that a module imports, at its top or within functions."""
    with open(os.path.join(root, module.replace(".", os.sep) + ".py")) as file:
        tree = ast.parse(file.read())
    names: Set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            names.update("{}.{}".format(node.module, alias.name) for alias in node.names)
    return {name for name in names if name.split(".")[0] in ("common", "data")}


def imports(root: str) -> Imports:
    """The other rooms that each room imports."""
    edges: Imports = {}
    for module in sources(root):
        room = room_of(module.replace(".__init__", ""))
        targets = {room_of(name) for name in imported(root, module)}
        edges.setdefault(room, set()).update(targets - {room})
    return edges


def reachable(edges: Imports, start: str) -> Set[str]:
    """All rooms that a room imports, itself or through others."""
    seen: Set[str] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        room = waiting.pop()
        if room not in seen:
            seen.add(room)
            waiting.extend(edges.get(room, ()))
    return seen


def reduced(edges: Imports) -> Imports:
    """The imports without those that follow from others, for a picture that can be read.

    Raises:
      ValueError: rooms import one another in a circle.
    """
    below = {room: reachable(edges, room) for room in edges}
    circles = sorted(room for room, rooms in below.items() if room in rooms)
    if circles:
        raise ValueError("Rooms import one another in a circle: {}.".format(", ".join(circles)))
    direct: Imports = {}
    for room, targets in edges.items():
        further = {lower for target in targets for lower in below.get(target, ())}
        direct[room] = targets - further
    return direct


def picture(root: str) -> str:
    """The graph as a Mermaid block of Markdown, one arrow from each importer to what it imports."""
    lines = ["```mermaid", "graph TD"]
    for room, targets in sorted(reduced(imports(root)).items()):
        lines += ["    {} --> {}".format(room, target) for target in sorted(targets)]
    return "\n".join(lines + ["```"])


def split(text: str) -> Tuple[str, str, str]:
    """A document up to the picture's first mark, the picture, and the rest from its second mark on.

    Raises:
      ValueError: the document lacks one of the marks.
    """
    before, begin, rest = text.partition(BEGIN)
    inner, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("The document lacks the lines {!r} and {!r}.".format(BEGIN, END))
    return before + begin, inner.strip(), end + after


def main(argv: Optional[List[str]] = None) -> None:
    """Prints the picture, or writes it into CONTRIBUTING.md."""
    parser = argparse.ArgumentParser(description="Draws which room imports which.")
    parser.add_argument("--write", action="store_true", help="write it into CONTRIBUTING.md")
    if not parser.parse_args(argv).write:
        print(picture(ROOT))
        return
    with open(DOCUMENT) as file:
        before, _, after = split(file.read())
    document = "\n\n".join([before, picture(ROOT), after])
    with open(DOCUMENT, "w") as file:
        file.write(document)


if __name__ == "__main__":
    main()
