import configparser
import os
import subprocess
import sys
from typing import Dict

import pytest

CI = os.path.dirname(os.path.abspath(__file__))
SETTINGS = """
[importlinter]
root_packages =
    zoo
    paper
contract_types =
    product_layers: import_contracts.ProductLayers
    may_import: import_contracts.MayImport
    no_tests_imported: import_contracts.NoTestsImported
    no_circles: import_contracts.NoCircles
[importlinter:contract:layers]
name = layers
type = product_layers
containers = zoo
exhaustive = True
layers =
    top
    bottom
[importlinter:contract:papers]
name = papers
type = may_import
packages = paper
may_import = zoo.top
[importlinter:contract:tests]
name = tests
type = no_tests_imported
[importlinter:contract:circles]
name = circles
type = no_circles
"""
TREE = {
    "zoo/__init__.py": "", "zoo/top/__init__.py": "", "zoo/bottom/__init__.py": "",
    "zoo/top/a.py": "", "zoo/bottom/b.py": "", "zoo/bottom/b_test.py": "from zoo.top import a\n",
    "paper/__init__.py": "", "paper/train.py": "import os\nfrom zoo.top import a\n",
    "paper/train_test.py": "import zoo.bottom.b\n"
}


def lint(folder: object, files: Dict[str, str]) -> subprocess.CompletedProcess:
    """Runs import-linter over the tree with some files replaced or added."""
    for name, text in dict(TREE, **{"setup.cfg": SETTINGS}, **files).items():
        path = os.path.join(str(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    search = os.pathsep.join([CI, os.environ.get("PYTHONPATH", "")])
    return subprocess.run([
        sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()",
        "--no-cache"
    ],
                          cwd=str(folder),
                          env=dict(os.environ, PYTHONPATH=search),
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          universal_newlines=True)


def test_tests_may_import_what_the_code_beside_them_may_not(tmp_path: object) -> None:
    done = lint(tmp_path, {})
    assert done.returncode == 0 and "4 kept, 0 broken" in done.stdout, done.stdout


@pytest.mark.parametrize(
    "files, broken, line",
    [({"zoo/bottom/b.py": "from zoo.top import a\n"}, "layers", "zoo.bottom.b -> zoo.top.a (l.1)"),
     ({"zoo/other.py": ""}, "layers", "- zoo.other"),
     ({"paper/train.py": "\nimport zoo.bottom.b\n"
       }, "papers", "- paper.train -> zoo.bottom.b (l.2)"),
     ({"zoo/top/a_test.py": "", "zoo/top/c_test.py": "from zoo.top import a_test\n"
       }, "tests", "- zoo.top.c_test -> zoo.top.a_test (l.1)"),
     ({"zoo/conftest.py": "", "zoo/top/a.py": "from zoo import conftest\n"
       }, "tests", "- zoo.top.a -> zoo.conftest (l.1)"),
     ({"zoo/bottom/b.py": "from zoo.bottom import c\n", "zoo/bottom/c.py": "import zoo.bottom.b\n"
       }, "circles", "- zoo.bottom.b -> zoo.bottom.c (l.1)\n- zoo.bottom.c -> zoo.bottom.b (l.1)")])
def test_a_wrong_import_is_named(tmp_path: object, files: Dict[str, str], broken: str,
                                 line: str) -> None:
    done = lint(tmp_path, files)
    assert done.returncode == 1 and "3 kept, 1 broken" in done.stdout, done.stdout
    assert broken + " BROKEN" in done.stdout and line in done.stdout, done.stdout


def test_every_rule_of_the_project_is_of_a_known_type() -> None:
    settings = configparser.ConfigParser()
    settings.read(os.path.join(os.path.dirname(CI), "setup.cfg"))
    types = {
        line.split(":")[0]
        for line in settings["importlinter"]["contract_types"].split("\n")
        if line
    }
    rules = [
        settings[name] for name in settings.sections() if name.startswith("importlinter:contract:")
    ]
    assert rules and {rule["type"] for rule in rules} <= types
