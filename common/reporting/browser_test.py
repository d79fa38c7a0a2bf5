"""The page in a real browser: it opens without an error, its plots are seen, and it fits."""

import os
import re
from typing import Any

import numpy as np
import pytest

from common.reporting import colors, report
from common.testing import browser, reported

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not browser.path(), reason="Chromium is not installed: .ci/setup-browser")]
HEIGHT = 3000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run, whose names and values are long, and some of them markup."""
    folder = str(tmp_path_factory.mktemp("seen") / ("a_run_with_a_name_" + "that_is_long_" * 6))
    values = ["<script>console.error('executed')</script>", "b" * 200, "c"]
    reported.write(folder, values=values, command="python x.py " + "--a_flag=/a/path" * 30)
    path = os.path.join(folder, report.FILE)
    report.write([folder], path)
    return path


def share_of(pixels: np.ndarray, color: str) -> float:
    """The share of pixels that have a colour."""
    wanted = [int(color[place:place + 2], 16) for place in (1, 3, 5)]
    return float((pixels == wanted).all(axis=2).mean())


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme, theme", [("light", colors.LIGHT), ("dark", colors.DARK)])
def test_plots_are_seen(
        width: int, scheme: str, theme: Any, page: str, tmp_path: Any) -> None:
    seen = browser.see(page, str(tmp_path), width, HEIGHT, scheme)
    assert seen.errors == []
    assert seen.pixels.shape == (HEIGHT, width, 3)
    assert share_of(seen.pixels, theme["card"]) > 0.3
    for series in ("c0", "c1"):  # of both tasks, drawn with soft edges
        assert share_of(seen.pixels, theme[series]) > 0.0003
    other = colors.DARK if scheme == "light" else colors.LIGHT
    assert share_of(seen.pixels, other["c0"]) < 1e-5


def overflow(page: str, folder: Any, width: int) -> int:
    """By how many pixels a page is wider than a frame of that width."""
    # A frame is as wide as it is told to be, whatever the least width of a window is.
    measured = str(folder / "measured.html")
    with open(page, encoding="utf-8") as file:
        html = file.read().replace("&", "&amp;").replace('"', "&quot;")
    script = ("var d=document.getElementById('f').contentDocument.documentElement;"
              "document.title='over='+(d.scrollWidth-d.clientWidth)+' of='+d.clientWidth")
    frame = ('<!DOCTYPE html><title>x</title><iframe id="f" width="{}" height="900" '
             'style="border:0" srcdoc="{}" onload="{}"></iframe>')
    with open(measured, "w", encoding="utf-8") as file:
        file.write(frame.format(width, html, script))
    document = browser.dump(measured, str(folder), 1400)
    found = re.search(r"<title>over=(-?\d+) of=(\d+)</title>", document)
    assert found and int(found.group(2)) == width
    return int(found.group(1))


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_is_wider_than_its_window(width: int, page: str, tmp_path: Any) -> None:
    assert overflow(page, tmp_path, width) == 0


def test_a_page_that_is_too_wide_would_be_found(tmp_path: Any) -> None:
    wide = str(tmp_path / "wide.html")
    with open(wide, "w") as file:
        file.write('<!DOCTYPE html><body style="margin:0"><div style="width:500px">x</div>')
    assert overflow(wide, tmp_path, 390) == 110


def test_errors_of_a_page_would_be_found(tmp_path: Any) -> None:
    broken = str(tmp_path / "broken.html")
    with open(broken, "w") as file:
        file.write("<!DOCTYPE html><script>undefined_name()</script>")
    seen = browser.see(broken, str(tmp_path), 600, 400, "light")
    assert any("undefined_name is not defined" in line for line in seen.errors)
