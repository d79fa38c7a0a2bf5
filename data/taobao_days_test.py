import hashlib
import itertools
import json
import os
from typing import Any, List

import numpy as np
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.metrics import measures
from data import taobao, taobao_days, taobao_world
from data.planted import sigmoid
from data.taobao_days import Change
from data.taobao_world import World

RATES = (0.1, 0.02)
SMALL = ["make", "--days", "2026-02-28..2026-03-02", "--rows", "1500", "--seed", "3",
         "--click_rate", "0.3", "--buy_rate", "0.1"]


@pytest.fixture(scope="module")
def worlds() -> List[World]:
    """Three days that turn by half a radian each, with the same users and ads."""
    days = taobao_days.worlds(5, *RATES, Change(0.5, 0.0))
    return list(itertools.islice(days, 3))


@pytest.fixture(scope="module")
def turned_over() -> List[World]:
    """Three days on each of which a tenth of users and ads is new, and nothing else changes."""
    days = taobao_days.worlds(5, *RATES, Change(0.0, 0.1))
    return list(itertools.islice(days, 3))


@pytest.mark.slow
def test_the_first_day_is_the_world_without_days(worlds: List[World]) -> None:
    plain = taobao_world.make_world(5, *RATES)
    assert worlds[0].intercepts == plain.intercepts
    for name, effect in plain.effects.items():
        assert (worlds[0].effects[name] == effect).all()


@pytest.mark.slow
def test_rates_and_strength_stay_while_the_signal_turns(worlds: List[World]) -> None:
    draws = taobao_world.draw_entities(worlds[0], np.random.default_rng(8), 100000)
    logits = [taobao_world.logits(world, draws) for world in worlds]
    for click, buy in logits:
        clicks = sigmoid(click)
        assert clicks.mean() == pytest.approx(RATES[0], rel=0.03)
        assert (clicks * sigmoid(buy)).mean() == pytest.approx(RATES[1], rel=0.04)
    for task in (0, 1):
        first, second, third = (of_day[task] for of_day in logits)
        assert second.var() == pytest.approx(first.var(), rel=0.03)
        assert third.var() == pytest.approx(first.var(), rel=0.03)
        # Of two draws that are independent but for the chance of few values, as the two pids.
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(np.cos(0.5), abs=0.1)
        assert np.corrcoef(first, third)[0, 1] == pytest.approx(np.cos(1.0), abs=0.2)


@pytest.mark.slow
def test_what_was_learned_from_the_first_day_gets_worse(worlds: List[World]) -> None:
    rows = taobao.draw_rows(worlds[2], np.random.default_rng(1), 50000)
    labels = rows.table.column("clk").to_numpy()
    draws = taobao_world.draw_entities(worlds[2], np.random.default_rng(1), 50000)
    known, before = (taobao_world.logits(worlds[day], draws)[0] for day in (2, 0))
    assert measures.auc(labels, known) > measures.auc(labels, before) + 0.08


@pytest.mark.slow
def test_a_share_of_users_and_ads_is_new_each_day(turned_over: List[World]) -> None:
    for name, largest in (("user_id", 1141729), ("adgroup_id", 846811)):
        texts = [np.array(world.vocabularies[name].to_pylist()) for world in turned_over]
        assert (texts[0] != texts[1]).mean() == pytest.approx(0.1, abs=0.005)
        assert (texts[1] != texts[2]).mean() == pytest.approx(0.1, abs=0.005)
        new = texts[1][texts[0] != texts[1]]
        assert len(set(new)) == len(new) and new.astype(int).min() == largest + 1
        assert len(set(texts[2])) == len(texts[2])
    first, second = turned_over[:2]
    is_same = np.array(first.vocabularies["user_id"]) == np.array(second.vocabularies["user_id"])
    for name, values in first.user_profile.items():
        assert (values == second.user_profile[name])[is_same].all()
    ages = [world.user_profile["age_level"] for world in (first, second)]
    assert 0.5 < (ages[0] != ages[1])[~is_same].mean() < 1
    effects = [world.effects["user_id"][0] for world in (first, second)]
    assert (effects[0] != effects[1])[~is_same].mean() > 0.9
    assert np.allclose(effects[0][is_same], effects[1][is_same], rtol=0.05)


@pytest.mark.slow
def test_days_are_folders_that_are_complete(tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    argv = [*SMALL, "--drift", "0.4", "--out", str(tmp_path)]
    assert taobao.main(argv) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "_taobao_planted.json").read_text()) == printed
    assert [day["day"] for day in printed["days"]] == ["2026-02-28", "2026-03-01", "2026-03-02"]
    digests = []
    for day in printed["days"]:
        folder = tmp_path / ("ds=" + day["day"])
        assert sorted(os.listdir(str(folder))) == ["_SUCCESS", "part-0.parquet"]
        rows = pyarrow.parquet.read_table(str(folder / "part-0.parquet"))
        assert rows.num_rows == day["rows"] == 1500
        assert rows.column("clk").to_numpy().sum() == day["clk"] > 350
        assert day["bayes_auc"]["click"] > 0.7
        digests.append(hashlib.sha256((folder / "part-0.parquet").read_bytes()).hexdigest())
    assert len(set(digests)) == 3
    assert taobao.main(argv) == 0  # the same bytes
    for day, digest in zip(printed["days"], digests):
        again = (tmp_path / ("ds=" + day["day"]) / "part-0.parquet").read_bytes()
        assert hashlib.sha256(again).hexdigest() == digest


def test_other_rows_are_left_alone(tmp_path: Any) -> None:
    other = tmp_path / "ds=2026-03-01"
    other.mkdir()
    message = "ds=2026-03-01 is there already and holds no synthetic rows of these days"
    with pytest.raises(BadInput, match=message):
        taobao.make_days(["2026-03-01"], 10, 1, *RATES, 0.0, 0.0, str(tmp_path))
    (tmp_path / "_taobao_planted.json").write_text("{}")
    with pytest.raises(BadInput, match=message):
        taobao.make_days(["2026-03-02"], 10, 1, *RATES, 0.0, 0.0, str(tmp_path))
    assert os.listdir(str(other)) == []


@pytest.mark.parametrize("argv, message", [
    (["--drift", "0.1"], "--drift 0.1 says what changes from day to day, and there are no days"),
    (["--new_ids", "0.1"], "--new_ids 0.1 says what changes from day to day"),
    (["--days", "2026-02-30"], "--days: --days takes FIRST..LAST or one day"),
    (["--days", "2026-02-03", "--test_rows", "5"], "--test_rows: there are none with --days"),
    (["--days", "2026-02-03", "--drift", "-1"], "--drift must be >= 0 radians a day. Got: -1.0"),
    (["--days", "2026-02-03", "--drift", "nan"], "--drift must be >= 0 radians a day. Got: nan"),
    (["--days", "2026-02-03", "--new_ids", "1.5"], "--new_ids must be a share from 0 to 1"),
    (["--days", "2026-02-03", "--rows", "0"], "--rows and --test_rows must be > 0. Got: 0 and 1"),
    (["--days", "2026-02-03", "--click_rate", "2"], "0 < --buy_rate < --click_rate < 1"),
])
def test_wrong_use(tmp_path: Any, argv: List[str], message: str,
                   capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        taobao.main(["make", "--out", str(tmp_path / "out"), *argv])
    assert end.value.code == 2 and message in capsys.readouterr().err
