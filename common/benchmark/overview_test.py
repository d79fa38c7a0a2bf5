import os
import xml.dom.minidom
import pytest

from common.benchmark import overview, report

README = """# ESMM

## Results

| `python esmm/train.py` | accuracy (click) | AUC click |
|---|---|---|
| `--tf` | 0.9 | 0.755 [0.745, 0.765] |
| FP32 | 0.9 | 0.756 [0.745, 0.765] |
| `--bf16` | 0.9 | 0.757 |
| Bayes | | 0.802 |

<!-- benchmark -->
| | steps/s | samples/s | ratio to `--tf` |
|---|---|---|---|
| --tf | 1 | 19,363 | 1.00 |
| FP32 | 2 | 1 | 2.40 |
| BF16 | 3 | 1 | 3.69 |
<!-- end of benchmark -->
"""
RENEW = "run: python -m common.benchmark.overview"


def write(folder: object, text: str) -> str:
    path = os.path.join(str(folder), "README.md")
    with open(path, "w") as file:
        file.write(text)
    return path


def test_the_front_page_is_current() -> None:
    with open(os.path.join(overview.ROOT, "README.md")) as file:
        text = file.read()
    rows = overview.read_all()
    assert overview.markdown(rows) in text, RENEW
    for row in rows:
        assert "| {:.3f} ({:.3f}) |".format(row.auc["FP32"], row.bayes) in text, row.title


def test_the_picture_is_current() -> None:
    with open(overview.PICTURE) as file:
        assert file.read() == overview.svg(overview.read_all()), RENEW


def test_reads_a_models_numbers(tmp_path: object) -> None:
    row = overview.read(write(tmp_path, README))
    assert row.ratio == {"--tf": 1.0, "FP32": 2.4, "--bf16": 3.69}
    assert row.auc == {"--tf": 0.755, "FP32": 0.756, "--bf16": 0.757} and row.bayes == 0.802
    assert overview.markdown([row]).splitlines()[-1] == (
        "| ESMM | 0.755 | 0.756 | 0.757 | 0.802 | 19,363 | 2.40x | 3.69x |")


def test_the_picture_is_xml(tmp_path: object) -> None:
    picture = overview.svg([overview.read(write(tmp_path, README))])
    nodes = xml.dom.minidom.parseString(picture).getElementsByTagName("text")
    texts = [node.firstChild.data for node in nodes]
    assert "ESMM" in texts and "3.69" in texts and "0.757" in texts


@pytest.mark.parametrize("was, now, message", [
    ("| AUC click |", "| AUC |", "expected a table with a column 'AUC click'"),
    ("| FP32 | 2 | 1 | 2.40 |", "", "expected a number in row 'FP32', column 'ratio to `--tf`'"),
    ("0.802", "much", "expected a number in row 'Bayes', column 'AUC click'")])
def test_what_is_missing_is_named(tmp_path: object, was: str, now: str, message: str) -> None:
    with pytest.raises(ValueError, match="README.md: " + message):
        overview.read(write(tmp_path, README.replace(was, now)))


def test_marks_must_be_there(tmp_path: object) -> None:
    path = write(tmp_path, README)
    with pytest.raises(ValueError, match="expected one line"):
        report.write_between(path, overview.MARKS, [])
