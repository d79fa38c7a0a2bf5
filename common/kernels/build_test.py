import ctypes
import os
import shutil
import subprocess
import sys
import time
from typing import Callable, List

import pytest

from common.kernels import build, native, objects

SOURCE = 'extern "C" int answer() { return 42; }\n'


@pytest.fixture
def sources(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of one small source in place of the ops', and a cache folder of its own."""
    folder = tmp_path.joinpath("kernels")
    folder.mkdir()
    folder.joinpath("small.cc").write_text(SOURCE)
    monkeypatch.setattr(build, "_SOURCES", str(folder))
    monkeypatch.setattr(objects, "_PRECOMPILE_FROM", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.joinpath("cache")))
    return str(folder)


def counting_compiler(folder: str) -> str:
    """A slow compiler that notes its calls in a file of the folder."""
    path = os.path.join(folder, "slow")
    with open(path, "w") as file:
        file.write("#!/bin/sh\necho \"$@\" >> {0}/calls\nsleep 1\nexec g++ \"$@\"\n".format(folder))
    os.chmod(path, 0o755)
    return path


def shared_header(sources: str) -> str:
    os.makedirs(os.path.join(sources, "shared"))
    return os.path.join(sources, "shared", "op.h")


def calls(folder: str) -> List[str]:
    with open(os.path.join(folder, "calls")) as file:
        return file.readlines()


def test_builds_once_and_again_when_a_source_changes(sources: str,
                                                     capsys: pytest.CaptureFixture) -> None:
    first = build.library_path()
    assert os.path.dirname(first) == os.path.join(
        sources, "built") and "building native kernels" in (capsys.readouterr().out)
    assert build.library_path() == first and not capsys.readouterr().out
    with open(os.path.join(sources, "small.cc"), "a") as file:
        file.write("// more\n")
    assert build.library_path(say=False) != first and not capsys.readouterr().out


def test_a_tree_that_cannot_be_written_builds_in_the_cache(sources: str, tmp_path: object) -> None:
    open(os.path.join(sources, "built"),
         "w").close()  # a file where the folder would be; root may write anywhere
    assert os.path.dirname(build.library_path()) == str(tmp_path.joinpath("cache", "modelzoo"))


def test_nowhere_to_write(sources: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = os.path.join(sources, "built")
    open(file, "w").close()
    monkeypatch.setenv("XDG_CACHE_HOME", file)
    with pytest.raises(build.CannotBuild,
                       match="neither .*built nor .*modelzoo can be written. Build them as a user"):
        build.library_path()


def test_what_is_built_is_found_where_nothing_can_be_written(
        sources: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build.library_path()
    monkeypatch.setattr(build, "_writable",
                        lambda folders: pytest.fail("asked for a place to write"))
    monkeypatch.setenv("PATH", "")  # nor is there a compiler
    assert build.library_path() == path


def test_a_killed_build_leaves_nothing_that_is_loaded(sources: str) -> None:
    left = os.path.join(sources, "built", "building-killed")
    os.makedirs(left)
    open(os.path.join(left, "kernels-0.so"), "w").close()
    path = build.library_path()
    assert sorted(os.listdir(os.path.dirname(path))) == [os.path.basename(path), "lock", "objects"]


@pytest.mark.slow
def test_two_processes_at_once_build_once(sources: str) -> None:
    slow = counting_compiler(sources)
    program = ("import sys; from common.kernels import build; build._SOURCES = sys.argv[1];"
               "print(build.library_path(False))")
    started = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", program, sources],
                         stdout=subprocess.PIPE, env=dict(os.environ, CXX=slow),
                         universal_newlines=True) for _ in range(2)
    ]
    paths = [process.communicate()[0].strip() for process in started]
    assert paths[0] == paths[1] and os.path.isfile(paths[0])
    assert len(calls(sources)) == 2  # the one source, and the link


@pytest.mark.slow
def test_the_header_that_ops_share_is_compiled_once(sources: str,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    with open(shared_header(sources), "w") as file:
        file.write("#pragma once\ninline int answer_of_all() { return 42; }\n")
    for name in ("one", "two"):
        with open(os.path.join(sources, name + ".cc"), "w") as file:
            file.write(
                '#include "shared/op.h"\nextern "C" int {}() {{ return answer_of_all(); }}\n'.
                format(name))
    monkeypatch.setenv("CXX", counting_compiler(sources))
    plan = build._plan()
    strict = plan.compiler._replace(
        options=[*plan.compiler.options, "-Winvalid-pch", "-Werror=invalid-pch"])
    monkeypatch.setattr(build, "_plan", lambda: plan._replace(compiler=strict))
    library = ctypes.CDLL(build.library_path())
    assert (library.answer(), library.one(), library.two()) == (42, 42, 42)
    assert len(calls(sources)) == 5 and len(
        [call for call in calls(sources) if "c++-header" in call]) == 1
    assert len([call for call in calls(sources) if "-include" in call.split()]) == 2


def write(folder: str, **texts: str) -> None:
    """Writes a source NAME.cc for each text, or a header for NAME_h."""
    for name, text in texts.items():
        path = name[:-2] + ".h" if name.endswith("_h") else name + ".cc"
        with open(os.path.join(folder, path), "w") as file:
            file.write(text)


def compiled(folder: str) -> List[str]:
    """The sources that the counting compiler compiled since the last call."""
    sources = [word for call in calls(folder) for word in call.split() if word.endswith(".cc")]
    os.remove(os.path.join(folder, "calls"))
    return sorted(sources)


@pytest.mark.slow
def test_an_edit_compiles_what_depends_on_it(sources: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_PRECOMPILE_FROM", 9)
    write(sources, inner_h="const int kInner = 1;\n", outer_h='#include "inner.h"\n',
          user='#include "outer.h"\nextern "C" int inner() { return kInner; }\n')
    monkeypatch.setenv("CXX", counting_compiler(sources))
    build.library_path()
    assert compiled(sources) == ["small.cc", "user.cc"]
    write(sources, small=SOURCE.replace("42", "43"))
    assert ctypes.CDLL(build.library_path()).answer() == 43 and compiled(sources) == ["small.cc"]
    write(sources, inner_h="const int kInner = 2;\n")  # which user.cc includes through another
    assert ctypes.CDLL(build.library_path()).inner() == 2 and compiled(sources) == ["user.cc"]


@pytest.mark.slow
def test_what_was_compiled_before_an_error_is_used_again(
        sources: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.os, "sched_getaffinity", lambda _: {0})  # one after another
    write(sources, unfinished="no C++")
    monkeypatch.setenv("CXX", counting_compiler(sources))
    with pytest.raises(build.CannotBuild, match="unfinished.cc"):
        build.library_path()
    assert compiled(sources) == ["small.cc", "unfinished.cc"]
    write(sources, unfinished="")
    build.library_path()
    assert compiled(sources) == ["unfinished.cc"]


def test_a_build_removes_what_is_stale(sources: str) -> None:
    first = build.library_path()
    stale, recent = [os.path.join(os.path.dirname(first), name)
                     for name in ("kernels-stale.so", "kernels-recent.so")]
    for path in (stale, recent):
        shutil.copy(first, path)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(stale, (two_days_ago, two_days_ago))
    os.utime(first, (two_days_ago, two_days_ago))
    assert build.library_path() == first  # as a process that loads it
    write(sources, small=SOURCE + "// more\n")
    second = build.library_path()
    remaining = set(os.listdir(os.path.dirname(first)))
    assert remaining == {os.path.basename(path) for path in (first, second, recent)} | {
        "lock", "objects"}
    assert len(os.listdir(os.path.join(os.path.dirname(first), "objects"))) == 1


@pytest.mark.slow
@pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
def test_a_copy_with_packages_at_another_path_loads_what_was_built(tmp_path: object) -> None:
    root, environment = tmp_path.joinpath("clone"), tmp_path.joinpath("environment")
    shutil.copytree(os.path.dirname(os.path.dirname(build.__file__)), str(root.joinpath("common")),
                    ignore=shutil.ignore_patterns("built", "*_test.py", "__pycache__"))
    root.joinpath("common", "kernels", "built").mkdir()
    shutil.copy(native.load().path, str(root.joinpath("common", "kernels", "built")))
    environment.symlink_to(sys.prefix)
    program = (
        "import sys; from common.kernels import native; from common.kernels.layers import dense;"
        "print(sys.prefix, native.load().path, dense.is_right('rounded'))")
    output = subprocess.check_output(
        [str(environment.joinpath("bin", "python")), "-W", "ignore", "-c", program], cwd=str(root),
        env={"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}, universal_newlines=True)
    built = root.joinpath("common", "kernels", "built", os.path.basename(native.load().path))
    assert output.split() == [str(environment), str(built), "True"]


def no_compiler(monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")


def other_cpu(monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    monkeypatch.setattr(build.platform, "machine", lambda: "aarch64")


def no_onednn(monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    monkeypatch.setattr(build.os.path, "isfile", lambda path: False)


def broken_source(monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    with open(os.path.join(sources, "small.cc"), "w") as file:
        file.write("no C++")


def broken_header(monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    with open(shared_header(sources), "w") as file:
        file.write("no C++")
    with open(os.path.join(sources, "op.cc"), "w") as file:
        file.write('#include "shared/op.h"\n')


def broken_op(monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    with open(shared_header(sources), "w"):
        pass
    with open(os.path.join(sources, "op.cc"), "w") as file:
        file.write('#include "shared/op.h"\nno C++')


@pytest.mark.parametrize("change, message", [
    (no_compiler, "there is no C\\+\\+ compiler 'no-such-compiler'. Install g\\+\\+"),
    (other_cpu, "they are written for Linux on x86-64, this is linux on aarch64"),
    (no_onednn, "oneDNN is not installed. Run: pip install -r requirements.txt"),
    (broken_source, "the compiler failed with status 1: .*g\\+\\+ -std=c\\+\\+14"),
    (broken_header, "the compiler failed with status 1: (.|\\n)*op.h"),
    (broken_op, "the compiler failed with status 1: (.|\\n)*op.cc"),
])
def test_what_prevents_a_build_is_said_and_training_goes_on_without(
        sources: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
        change: Callable[[pytest.MonkeyPatch, str], None], message: str) -> None:
    change(monkeypatch, sources)
    with pytest.raises(build.CannotBuild, match=message):
        build.library_path()
    native.load.cache_clear()
    try:
        loaded = native.load()
    finally:
        native.load.cache_clear()
    assert loaded.ops is None and loaded.reason
    build.main()
    assert "no native kernels: " in capsys.readouterr().out
    assert not [name for name in os.listdir(sources) if name.endswith(".so")]


def test_what_cannot_be_loaded_is_said(sources: str) -> None:
    path = build.library_path()
    with open(path, "w") as file:
        file.write("no library")
    native.load.cache_clear()
    try:
        assert "they were built and cannot be loaded: " in native.load().reason
    finally:
        native.load.cache_clear()
