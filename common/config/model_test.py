import json
import os
import subprocess
import sys

import pytest

from common import launch
from common.benchmark import __main__ as benchmark
from common.config import model, needs
from common.deeprec import support

TEXT = '''
"""A paper."""
SIZES = (1, 2)
MODEL = Model(
    name="Wide", data="data.eleme", tasks=("click", "cart"), epochs=2, learning_rate=0.1,
    optimizer="adam", save_steps=0, on_deeprec={"ev": "ours"})
'''


@pytest.fixture
def root(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project with a model of two tasks, one of one task, and folders that are no models."""
    for folder, text in (("wide", TEXT), ("zero", TEXT.replace(', "cart"', ",")), ("data", None)):
        tmp_path.joinpath(folder).mkdir()
        if text:
            tmp_path.joinpath(folder, "train.py").write_text(text)
    monkeypatch.setattr(model, "ROOT", str(tmp_path))
    return str(tmp_path)


def test_a_models_value_is_read_from_its_file(root: str) -> None:
    assert model.read("wide") == model.Model(
        "Wide", "data.eleme", ("click", "cart"), 2, 0.1, "adam", 0, on_deeprec={"ev": "ours"})
    assert model.names() == ["wide", "zero"]


@pytest.mark.parametrize("text, message", [
    ("MODELS = 3", "train.py: no MODEL. Write MODEL = Model"),
    ("MODEL = 3", "train.py: MODEL is not Model"),
    ("MODEL = Model(name='A', data=DATA)", "train.py: MODEL is not Model"),
    ("MODEL = Model(name='A')", "train.py: MODEL is not Model.*missing"),
    ("MODEL = Model(title='A')", "train.py: MODEL is not Model.*title"),
])
def test_a_file_without_the_value_is_named(root: str, text: str, message: str) -> None:
    with open(os.path.join(root, "wide", "train.py"), "w") as file:
        file.write(text)
    with pytest.raises(ValueError, match=message):
        model.read_all()


def test_everything_that_lists_models_knows_a_new_folder(
        root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(model.__file__))))
    from k8s import render

    assert launch.command(["wide"])[1] == os.path.join(root, "wide", "train.py")
    assert benchmark._parse(["wide"]).model == "wide"
    assert {"wide-fp32.yaml", "wide-bf16.yaml", "zero-fp32.yaml"} < set(render.render())
    assert '"--data_location", "/data/eleme"' in render.render()["wide-bf16.yaml"]
    document = support.document(model.read_all(), ["ev"], {})
    assert "| stock / DeepRec | Wide | Wide |" in document
    assert "| `--ev` | ours / ours | ours / ours |" in document
    assert "| Wide, Wide | user_id," in document


def test_the_files_of_this_project_agree_with_their_value() -> None:
    assert model.read("din").train_file == "local_train_splitByUser"
    for folder, value in model.read_all().items():
        with open(os.path.join(model.ROOT, folder, "train.py")) as file:
            assert "import SCHEMA" not in file.read()  # models take a schema by role
        needs.check(value, value.schema)
        assert needs.tasks(value, value.schema) == value.tasks
        with open(os.path.join(model.ROOT, ".dockerignore")) as file:
            assert "!{}\n".format(folder) in file.read()


def test_names_and_fields_are_printed_without_tensorflow() -> None:
    program = "import sys; sys.modules['tensorflow'] = None; from common.config import model; " \
              "[model.main(words) for words in {}]"
    calls = [[], ["din", "data"], ["esmm", "sample_flags"]]
    printed = subprocess.run([sys.executable, "-c", program.format(json.dumps(calls))],
                             cwd=model.ROOT, stdout=subprocess.PIPE, check=True)
    assert printed.stdout.decode().split("\n") == [
        "esmm mmoe ple din dlrm", "data.amazon", "--steps 1954", ""]


@pytest.mark.parametrize("path, line, times", [
    (".dockerignore", "!{}", 1), ("setup.cfg", "    {}", 2)])
def test_what_cannot_read_folders_lists_every_model(path: str, line: str, times: int) -> None:
    with open(os.path.join(model.ROOT, path)) as file:
        lines = file.read().splitlines()
    for name in model.names():
        assert lines.count(line.format(name)) == times, (path, name)
