"""Compiles C++ sources to object files, and compiles again only what has changed.

An object's name holds a hash of its source, of the headers that this includes, and of the compiler.
"""

import functools
import os
import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Dict, List, NamedTuple, Sequence

from common.kernels.sources import Sources

_HEADER = "shared/op.h"  # includes TensorFlow's headers, which take longest to compile
_PRECOMPILE_FROM = 5  # sources: to compile the header ahead takes as long as it saves in four
_MESSAGE_CHARS = 2000


class CannotBuild(Exception):
    """The native ops cannot be built here; the message says why and what to do."""


class Compiler(NamedTuple):
    """A compiler and its options.

    Attributes:
      program: its name or path.
      options: those that decide what it makes of a source.
      include_options: where TensorFlow and oneDNN have their headers. They are in no hash, because
        the same versions at other paths give the same objects.
      versions: of TensorFlow and oneDNN.
    """

    program: str
    options: Sequence[str]
    include_options: Sequence[str]
    versions: Sequence[str]

    @property
    def command(self) -> List[str]:
        """How each call starts."""
        return [self.program, *self.options, *self.include_options]

    @property
    def identity(self) -> List[str]:
        """What an object depends on beside sources.

        The compiler's file stands for its version: to ask it would be a call at every build.
        """
        path = os.path.realpath(shutil.which(self.program) or self.program)
        status = os.stat(path)
        version = [path, str(status.st_size), str(status.st_mtime_ns)]
        return [*version, *self.options, *self.versions]


def compile_sources(
        sources: Sources, compiler: Compiler, objects: str, scratch: str) -> List[str]:
    """The paths of all sources' object files; compiles those that are not in `objects` yet.

    Args:
      objects: a folder to which no other process writes at this time.
      scratch: an empty folder on the same disk, from which each object is moved when it is whole.

    Raises:
      CannotBuild: the compiler failed. Objects that were whole by then stay.
    """
    paths = {}
    for unit in sources.units:
        name = os.path.splitext(unit)[0].replace(os.sep, ".")
        key = sources.digest(sources.closure(unit), compiler.identity)
        paths[unit] = os.path.join(objects, "{}-{}.o".format(name, key))
    missing = {unit: path for unit, path in paths.items() if not os.path.isfile(path)}
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        _compile_all(sources, compiler, missing, scratch, threads)
    return list(paths.values())


def _compile_all(sources: Sources, compiler: Compiler, paths: Dict[str, str], scratch: str,
                 threads: ThreadPoolExecutor) -> None:
    with_header = _precompile_for(sources, list(paths))
    start = functools.partial(_start, threads, sources.root, scratch)
    plain = [unit for unit in paths if unit not in with_header]
    running = []
    for unit in plain:
        running.append(start(compiler.command + ["-c", unit], paths[unit]))
    try:
        if with_header:
            include = ["-include", _precompile(sources, compiler, scratch)]
        for unit in with_header:
            running.append(start(compiler.command + include + ["-c", unit], paths[unit]))
        for future in running:
            future.result()
    finally:
        for future in running:
            future.cancel()


def _precompile_for(sources: Sources, units: Sequence[str]) -> List[str]:
    """Which sources are compiled with the header compiled ahead: those that include it, if many."""
    ops = [unit for unit in units if _HEADER in sources.closure(unit)]
    return ops if len(ops) >= _PRECOMPILE_FROM else []


def _precompile(sources: Sources, compiler: Compiler, scratch: str) -> str:
    """Compiles the header ahead. The result has over 200 MB, so it goes with the scratch folder."""
    header = os.path.join(scratch, os.path.basename(_HEADER))
    with open(header, "w") as file:  # for a compiler that cannot take the result
        file.write('#include "{}"\n'.format(_HEADER))
    call(compiler.command + ["-x", "c++-header", header, "-o", header + ".gch"], sources.root)
    return header


def _start(threads: ThreadPoolExecutor, root: str, scratch: str, command: List[str],
           path: str) -> "Future[None]":
    part = os.path.join(scratch, os.path.basename(path))
    return threads.submit(_compile, command + ["-o", part], root, part, path)


def _compile(command: Sequence[str], root: str, part: str, path: str) -> None:
    call(command, root)
    os.replace(part, path)


def call(command: Sequence[str], folder: str) -> None:
    """Calls the compiler in a folder.

    Raises:
      CannotBuild: it failed.
    """
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        output = done.stdout.decode(errors="replace")[:_MESSAGE_CHARS]
        raise CannotBuild("the compiler failed with status {}: {} ...\n{}".format(
            done.returncode, " ".join(command[:2]), output))
