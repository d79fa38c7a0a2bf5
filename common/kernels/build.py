"""Builds the native ops against installed TensorFlow and oneDNN: python -m common.kernels.build.

The result is one shared object, named by a hash of the sources, of the options and of both
packages' versions. It holds no path, so it also serves a copy of the tree, and packages installed
elsewhere. It gets its name when it is whole: a killed build leaves nothing that would be loaded.
"""

import contextlib
import fcntl
import glob
import os
import platform
import shutil
import site
import sys
import tempfile
import time
from typing import Iterator, List, NamedTuple

import tensorflow as tf

from common.kernels import objects
from common.kernels.objects import CannotBuild, Compiler
from common.kernels.sources import Sources

_SOURCES = os.path.dirname(os.path.abspath(__file__))
_ONEDNN = "libdnnl.so.3"
_PACKAGE = "onednn-devel-cpu-gomp"
_UNUSED_SECS = 24 * 3600.0  # after which a shared object of other sources is removed


class _Plan(NamedTuple):
    """What the ops are built from, by which compiler, the linker's options, the result's name."""

    sources: Sources
    compiler: Compiler
    link: List[str]
    name: str


def library_path(say: bool = True) -> str:
    """The path of the shared object, which is built first if it is not there.

    Args:
      say: whether to print a line before a build.

    Raises:
      CannotBuild: the machine, a package, the compiler or a place to write is missing, or the
        compiler failed.
    """
    plan = _plan()
    for folder in _folders():
        path = os.path.join(folder, plan.name)
        if _is_there(path):
            return path
    folder = _writable(_folders())
    try:
        return _build(plan, folder, say)
    except OSError as error:
        raise CannotBuild("they could not be written to {}: {}".format(folder, error))


def onednn_library() -> str:
    """The path of oneDNN's library.

    Raises:
      CannotBuild: it is not installed.
    """
    return os.path.join(_onednn_prefix(), "lib", _ONEDNN)


def _plan() -> _Plan:
    if platform.machine() != "x86_64" or not sys.platform.startswith("linux"):
        raise CannotBuild("they are written for Linux on x86-64, this is {} on {}".format(
            sys.platform, platform.machine()))
    prefix = _onednn_prefix()
    sources = Sources(_SOURCES)
    compiler = _compiler(prefix)
    # No -rpath: both libraries are in the process before the ops are (see native.load).
    tensorflow = _without_paths(tf.sysconfig.get_link_flags())
    libraries = ["-Wl,--as-needed", "-l:" + _ONEDNN, *tensorflow]
    folders = ["-L" + tf.sysconfig.get_lib(), "-L" + os.path.join(prefix, "lib")]
    words = [*compiler.options, *compiler.versions, *libraries]
    name = "kernels-{}.so".format(sources.digest(sources.texts, words))
    return _Plan(sources, compiler, folders + libraries, name)


def _compiler(prefix: str) -> Compiler:
    # TensorFlow is built with NDEBUG: in debug mode its headers check counts of references that
    # its library does not keep.
    options = ["-std=c++14", "-O3", "-DNDEBUG", "-fno-math-errno", "-fno-trapping-math", "-fPIC",
               "-fopenmp", "-Wall", "-Wno-sign-compare", "-I."]
    options += _without_paths(tf.sysconfig.get_compile_flags())
    include = os.path.join(prefix, "include")
    include_options = ["-isystem", tf.sysconfig.get_include(), "-isystem", include]
    with open(os.path.join(include, "oneapi", "dnnl", "dnnl_version.h")) as file:
        versions = [tf.__version__, file.read()]
    return Compiler(os.environ.get("CXX", "g++"), options, include_options, versions)


def _without_paths(flags: List[str]) -> List[str]:
    return [flag for flag in flags if not flag.startswith(("-I", "-L"))]


def _onednn_prefix() -> str:
    """The folder into whose include/ and lib/ pip put oneDNN."""
    for prefix in (sys.prefix, site.getuserbase(), sys.base_prefix):
        header = os.path.join(prefix, "include", "dnnl.hpp")
        library = os.path.join(prefix, "lib", _ONEDNN)
        if os.path.isfile(header) and os.path.isfile(library):
            return prefix
    raise CannotBuild("oneDNN is not installed. "
                      "Run: pip install -r requirements.txt (it has {})".format(_PACKAGE))


def _folders() -> List[str]:
    """Where the shared object may be: beside the sources; in the user's cache if that fails."""
    home_cache = os.path.join(os.path.expanduser("~"), ".cache")
    cache = os.environ.get("XDG_CACHE_HOME") or home_cache
    return [os.path.join(_SOURCES, "built"), os.path.join(cache, "modelzoo")]


def _is_there(path: str) -> bool:
    """Whether there is a shared object; marks it as used now, so that no build removes it."""
    with contextlib.suppress(OSError):  # there is none, or this user may only read it
        os.utime(path)
    return os.path.isfile(path)


def _writable(folders: List[str]) -> str:
    """The first of some folders in which files can be made; makes the folder if it is missing."""
    for folder in folders:
        try:
            os.makedirs(folder, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            return folder
        except OSError:
            continue
    raise CannotBuild("neither {} can be written. Build them as a user who may: make setup".format(
        " nor ".join(folders)))


def _build(plan: _Plan, folder: str, say: bool) -> str:
    path = os.path.join(folder, plan.name)
    with _locked(folder):
        if not os.path.isfile(path):  # no other process built it while this one waited
            if say:
                print("building native kernels, once, in up to a minute on two cores: {}".format(
                    path), flush=True)
            _compile_and_link(plan, folder)
    return path


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """One process at a time builds in a folder. The lock of a killed process is free again."""
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile_and_link(plan: _Plan, folder: str) -> None:
    """Builds in a temporary folder, moves what is whole to its place, removes what is stale."""
    program = plan.compiler.program
    if not shutil.which(program):
        raise CannotBuild("there is no C++ compiler {!r}. "
                          "Install g++ (Debian and Ubuntu: apt-get install g++)".format(program))
    for left in glob.glob(os.path.join(glob.escape(folder), "building-*")):
        shutil.rmtree(left, ignore_errors=True)
    cache = os.path.join(folder, "objects")
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(folder, plan.name)
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder) as scratch:
        parts = objects.compile_sources(plan.sources, plan.compiler, cache, scratch)
        library = os.path.join(scratch, plan.name)
        objects.call([program, "-shared", "-fopenmp", *parts, *plan.link, "-o", library], scratch)
        os.replace(library, path)
    _remove_objects(cache, parts)
    _remove_libraries(folder, path)


def _remove_objects(folder: str, current: List[str]) -> None:
    """Removes all but the current objects. No other process reads them: this one has the lock."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if path not in current:
            _remove(path)


def _remove_libraries(folder: str, current: str) -> None:
    """Removes shared objects, other than the current one, that no process loaded for a day.

    A process marks what it is about to load; once loaded, the file may lose its name.
    """
    for path in glob.glob(os.path.join(glob.escape(folder), "kernels-*.so")):
        unused_secs = time.time() - os.path.getmtime(path)
        if path != current and unused_secs > _UNUSED_SECS:
            _remove(path)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):  # another user's
        os.remove(path)


def main() -> None:
    """Builds the ops and prints where they are, or why there are none.

    To have none is no failure: models train with TensorFlow's own ops.
    """
    try:
        print("native kernels: {}".format(library_path()))
    except CannotBuild as error:
        print("no native kernels: {}. Models train with TensorFlow's own.".format(error))


if __name__ == "__main__":
    main()
