import re

import pytest

from common.benchmark import report

RUN = dict(steps_per_sec=12.34, samples_per_sec=6318.0, ratio=2.5, share_of_gemm_limit=0.614,
           cpu_secs_per_1000_samples=0.1234, peak_memory_mb=812.3)


def test_training_table() -> None:
    assert report.training_table(
        {"FP32": RUN})[2:] == ["| FP32 | 12.3 | 6,318 | 2.50 | 61% | 0.123 | 812 |"]


def test_input_line() -> None:
    assert report.input_line({"CSV": 123456.7},
                             512) == "Input alone, shuffled, batch 512: CSV 123,457 rows/s."


def test_provenance_names_command_machine_date_and_commit() -> None:
    assert re.match(
        r"`python -m common.benchmark esmm --out 'a b'` on \d+ cores of .+, \d{4}-\d\d-\d\d, "
        r"commit "
        r"([0-9a-f]{7,}(-dirty)?|unknown); medians of 3, interleaved\.$",
        report.provenance(["esmm", "--out", "a b"], 3))


BEGIN, END = report.marks("")


def test_the_marks_of_a_named_section() -> None:
    assert report.marks("sizes") == ("<!-- benchmark sizes -->", "<!-- end of benchmark sizes -->")


def test_a_section_is_written_anew(tmp_path: object) -> None:
    path = "{}/README.md".format(tmp_path)
    with open(path, "w") as file:
        file.write("# A\n\n{}\nold\nlines\n{}\n\nlast\n".format(BEGIN, END))
    for lines in (["one", "two"], ["three"]):
        report.write_section(path, "", lines)
        with open(path) as file:
            assert file.read() == "# A\n\n{}\n{}\n{}\n\nlast\n".format(BEGIN, "\n".join(lines), END)


@pytest.mark.parametrize("text", ["", BEGIN, END + BEGIN, END,
                                  2 * (BEGIN + END), BEGIN + 2 * END])
def test_a_file_without_the_marks_stays_as_it_is(tmp_path: object, text: str) -> None:
    path = "{}/README.md".format(tmp_path)
    with open(path, "w") as file:
        file.write(text)
    with pytest.raises(
            ValueError,
            match="README.md: expected one line '<!-- benchmark -->' and after it one line"):
        report.write_section(path, "", ["figures"])
    with open(path) as file:
        assert file.read() == text
