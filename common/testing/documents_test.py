import glob
import os
import re

import pytest

from common.config import model as models
from common.testing import documents

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
README_LINES = 180
ROOM_LINES = 60
DOCUMENTS = sorted(documents.documents(ROOT))
ROOMS = sorted(os.path.basename(os.path.dirname(path)) for path in glob.glob(
    os.path.join(ROOT, "common", "*", "__init__.py")))
MODEL_SECTIONS = ["Commands", "Data", "Metrics", "Departures", "Results", "Speed"]


def read(*path: str) -> str:
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    assert documents.broken_links(ROOT, document) == []


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_documents_name_what_exists(document: str) -> None:
    assert documents.stale_names(ROOT, document) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_call_targets_that_make_has(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    assert documents.targets(read(document)) - targets == set()


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= README_LINES


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_has_a_readme_of_a_screen(room: str) -> None:
    assert documents.lines_by_hand(read("common", room, "README.md")) <= ROOM_LINES


def test_the_map_of_common_names_each_room() -> None:
    links = documents.links(read("common", "README.md"))
    assert [room for room in ROOMS if room + "/README.md" not in links] == []


@pytest.mark.parametrize("model", models.names())
def test_models_readmes_have_the_same_sections(model: str) -> None:
    assert re.findall("^## (.+)$", read(model, "README.md"), re.MULTILINE) == MODEL_SECTIONS


TEXT = """# A `b.py` of C++, in two
## Same
## Same

[one](b.md#same-1) `[no](link)` ![two](c.svg "title") <https://example.org/a>

```
[no](link) python -m common.flags; make test
```

[three]: d.md
"""


def test_links_are_those_of_the_prose() -> None:
    assert documents.links(TEXT) == ["b.md#same-1", "c.svg", "https://example.org/a", "d.md"]


def test_anchors_are_githubs() -> None:
    assert documents.anchors(TEXT) == {"a-bpy-of-c-in-two", "same", "same-1"}


def test_targets_are_those_of_the_code() -> None:
    text = TEXT + "make sure; `python data/taobao.py make --rows`; `make setup-ci`"
    assert documents.targets(text) == {"test", "setup-ci"}


@pytest.mark.parametrize("link, broken", [
    ("b.md", []), ("b.md#same", []), ("#here", []), ("https://example.org/a#b", []),
    ("c.md", ["c.md: no such file"]), ("b.md#other", ["b.md#other: no such heading"]),
    ("#gone", ["#gone: no such heading"]),
    ("https://nowhere", ["https://nowhere: not a web address"])])
def test_broken_links(tmp_path: object, link: str, broken: str) -> None:
    for name, text in (("a.md", "# Here\n[x]({})\n".format(link)), ("b.md", TEXT)):
        with open(os.path.join(str(tmp_path), name), "w") as file:
            file.write(text)
    assert documents.broken_links(str(tmp_path), "a.md") == broken


def test_stale_names(tmp_path: object) -> None:
    with open(os.path.join(str(tmp_path), "a.md"), "w") as file:
        file.write("`common/no.py` `other.py` `-m common.no` common/prose.py `data/x/`\n")
    os.mkdir(os.path.join(str(tmp_path), "common"))
    assert documents.stale_names(str(tmp_path), "a.md") == ["common/no.py", "other.py", "common.no"]


def test_generated_lines_are_not_counted() -> None:
    assert documents.lines_by_hand("a\n<!-- python -m x -->\nb\nc\n<!-- end -->\nd\n") == 3
