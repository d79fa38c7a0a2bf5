"""Compiles the native ops against the installed TensorFlow and oneDNN: python -m common.kernels.build.

There is one shared object for each TensorFlow, oneDNN, set of options and text of the sources, named by their hash.
It appears under its name when it is whole, so a build that was killed leaves nothing that another would load.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import platform
import shutil
import site
import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Iterator, List, NamedTuple

import tensorflow as tf

_SOURCES = os.path.dirname(os.path.abspath(__file__))
_ONEDNN = "libdnnl.so.3"
_PACKAGE = "onednn-devel-cpu-gomp"
_HEADER = "shared/op.h"
_MESSAGE_CHARS = 2000


class CannotBuild(Exception):
    """The native ops cannot be built here; the message says why and what to do."""


class _Plan(NamedTuple):
    """How the ops are built: the compiler's command for one source, the sources, what links them, and the result."""

    command: List[str]
    sources: List[str]
    link: List[str]
    name: str


def built(say: bool = True) -> str:
    """The path of the shared object; builds it where it is not there yet.

    Args:
      say: whether to print a line before a build.

    Raises:
      CannotBuild: the machine, a package, the compiler or a place to write is missing, or the compiler failed.
    """
    plan = _plan()
    for folder in _folders():
        path = os.path.join(folder, plan.name)
        if os.path.isfile(path):
            return path
    folder = _writable(_folders())
    try:
        return _build(plan, folder, say)
    except OSError as error:
        raise CannotBuild("they could not be written to {}: {}".format(folder, error))


def _build(plan: _Plan, folder: str, say: bool) -> str:
    with _locked(folder):
        path = os.path.join(folder, plan.name)
        if not os.path.isfile(path):  # nobody else built it while this process waited
            if say:
                print("building native kernels, once, in about a minute on two cores: {}".format(path), flush=True)
            _compile(plan, folder)
        return path


def _plan() -> _Plan:
    if platform.machine() != "x86_64" or not sys.platform.startswith("linux"):
        raise CannotBuild("they are written for Linux on x86-64, this is {} on {}".format(
            sys.platform, platform.machine()))
    compiler = os.environ.get("CXX", "g++")
    prefix = _onednn_prefix()
    # TensorFlow is built with NDEBUG: its headers' checks in debug mode fail on objects that its library counts.
    command = [compiler, "-std=c++14", "-O3", "-DNDEBUG", "-fno-math-errno", "-fno-trapping-math", "-fPIC",
               "-fopenmp", "-Wall", "-Wno-sign-compare"]
    sources = sorted(glob.glob(os.path.join(_SOURCES, "**", "*.cc"), recursive=True))
    include, library = tf.sysconfig.get_include(), tf.sysconfig.get_lib()
    command += tf.sysconfig.get_compile_flags() + ["-isystem", include, "-isystem", os.path.join(prefix, "include")]
    link = ["-shared", "-fopenmp", *tf.sysconfig.get_link_flags(), "-L" + os.path.join(prefix, "lib"), "-l:" + _ONEDNN,
            "-Wl,-rpath," + library, "-Wl,-rpath," + os.path.join(prefix, "lib")]
    version = os.path.join(prefix, "include", "oneapi", "dnnl", "dnnl_version.h")
    names = [os.path.basename(source) for source in sources]
    name = "kernels-{}.so".format(_hash(command[1:] + names + link, version))
    return _Plan(command + ["-I" + _SOURCES], sources, link, name)


def _hash(command: List[str], version: str) -> str:
    """A name for what a command compiles with TensorFlow's and oneDNN's headers, told by their versions."""
    digest = hashlib.sha256("\0".join([tf.__version__] + command).encode())
    sources = [path for kind in ("*.cc", "*.h")
               for path in glob.glob(os.path.join(_SOURCES, "**", kind), recursive=True)]
    for source in sorted(sources) + [version]:
        with open(source, "rb") as file:
            digest.update(os.path.basename(source).encode() + b"\0" + file.read())
    return digest.hexdigest()[:16]


def _onednn_prefix() -> str:
    """The folder into whose include/ and lib/ pip put oneDNN."""
    for prefix in (sys.prefix, site.getuserbase(), sys.base_prefix):
        if (os.path.isfile(os.path.join(prefix, "include", "dnnl.hpp"))
                and os.path.isfile(os.path.join(prefix, "lib", _ONEDNN))):
            return prefix
    raise CannotBuild("oneDNN is not installed. Run: pip install -r requirements.txt (it has {})".format(_PACKAGE))


def _folders() -> List[str]:
    """Where the shared object may lie: beside the sources, or where those cannot be written, in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return [os.path.join(_SOURCES, "built"), os.path.join(cache, "modelzoo")]


def _writable(folders: List[str]) -> str:
    """The first of some folders that files can be made in; it is made where it is missing."""
    for folder in folders:
        try:
            os.makedirs(folder, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            return folder
        except OSError:
            continue
    raise CannotBuild("neither {} can be written. Build them as a user who may: make setup".format(
        " nor ".join(folders)))


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """One process at a time builds in a folder; the lock of one that was killed is free again."""
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(plan: _Plan, folder: str) -> None:
    """Compiles into a temporary folder beside the result and moves it there; clears away what killed builds left."""
    if not shutil.which(plan.command[0]):
        raise CannotBuild("there is no C++ compiler {!r}. Install g++ (Debian and Ubuntu: apt-get install g++)".format(
            plan.command[0]))
    for left in glob.glob(os.path.join(folder, "building-*")):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder) as parts:
        path = os.path.join(parts, plan.name)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            objects = _compile_sources(plan, parts, threads)
        _run(plan.command[:1] + objects + plan.link + ["-o", path])
        os.replace(path, os.path.join(folder, plan.name))


def _compile_sources(plan: _Plan, parts: str, threads: ThreadPoolExecutor) -> List[str]:
    """Compiles each source; what takes longest, TensorFlow's headers, once for all sources that name _HEADER."""
    objects = {source: os.path.join(parts, os.path.basename(source) + ".o") for source in plan.sources}
    ops = [source for source in plan.sources if _includes_header(source)]
    header = os.path.join(parts, os.path.basename(_HEADER))
    with open(header, "w") as file:  # what a compiler reads that cannot take the compiled one
        file.write('#include "{}"\n'.format(os.path.join(_SOURCES, _HEADER)))

    def start(source: str, *options: str) -> "Future[None]":
        return threads.submit(_run, plan.command + [*options, "-c", source, "-o", objects[source]])

    running = [start(source) for source in plan.sources if source not in ops]
    try:
        if ops:
            _run(plan.command + ["-x", "c++-header", header, "-o", header + ".gch"])
        running += [start(source, "-include", header) for source in ops]
        for each in running:
            each.result()
    finally:
        for each in running:
            each.cancel()
    return list(objects.values())


def _includes_header(source: str) -> bool:
    with open(source) as file:
        return '#include "{}"\n'.format(_HEADER) in file.read()


def _run(command: List[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise CannotBuild("the compiler failed with status {}: {} ...\n{}".format(
            done.returncode, " ".join(command[:2]), done.stdout.decode(errors="replace")[:_MESSAGE_CHARS]))


def main() -> None:
    """Builds the ops and says where they are, or why there are none; that is no failure: models train without."""
    try:
        print("native kernels: {}".format(built()))
    except CannotBuild as error:
        print("no native kernels: {}. Models train with TensorFlow's own.".format(error))


if __name__ == "__main__":
    main()
