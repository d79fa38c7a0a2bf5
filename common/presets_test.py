import os
import subprocess
import sys
from typing import List

import pytest

from common import flags, launch, presets
from common.config import model, needs
from common.presets import PRESETS

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "presets.py")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_command_lines_of_their_models(name: str) -> None:
    folder, *words = PRESETS[name].words
    its_model = model.read(folder)
    args = flags.parse(flags.make_parser("", its_model), words)
    assert args.schema.name == name.split("_")[0]
    needs.check(its_model, args.schema)


def test_flags_behind_the_name_override_those_of_the_preset() -> None:
    words = presets.words_of(["aliccp_esmm", "--epochs", "2"])
    assert words == ["esmm", "--schema", "aliccp", "--epochs", "1", "--epochs", "2"]


def test_all_are_listed(capsys: pytest.CaptureFixture) -> None:
    assert presets.main([]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in PRESETS)
    assert "train  python mmoe/train.py --schema census" in printed


def test_a_preset_becomes_its_training_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: List[List[str]] = []
    monkeypatch.setattr(launch, "become", lambda words, env: seen.append(words))
    presets.main(["census_mmoe", "--seed", "2"])
    assert seen[0][1:] == [os.path.join(model.ROOT, "mmoe", "train.py"),
                           *PRESETS["census_mmoe"].flags.split(), "--seed", "2"]


def test_wrong_use(capsys: pytest.CaptureFixture) -> None:
    assert presets.main(["census"]) == 2
    assert "no preset 'census'. There are census_mmoe, census_ple" in capsys.readouterr().err


def test_it_runs_as_a_script_and_as_a_module(tmp_path: object) -> None:
    for words in ([SCRIPT], ["-m", "common.presets"]):
        done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, check=True,
                              cwd=model.ROOT, universal_newlines=True)
        assert done.stdout == presets.listing() + "\n"
