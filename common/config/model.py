"""What other parts of the project need to know of a model, read from its folder.

A model is a folder beside common/ with a train.py, and MODEL in that file says the rest:

    MODEL = Model(name="DIN", data="data.amazon", tasks=("click",), epochs=1, ...)

`read` takes the value out of the file's syntax tree, so its fields are literals. Importing the file
would load TensorFlow, which takes seconds, to learn a name.

    python -m common.config.model                  the folders of all models
    python -m common.config.model din data         a field of one
"""

import ast
import glob
import importlib
import os
import sys
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from common.config.schema import Schema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Model(NamedTuple):
    """A model as the launcher, the benchmark, the feature table and the manifests see it.

    Attributes:
      name: as its paper writes it.
      data: the module of its own data set, which has a SCHEMA.
      tasks: the names of its tasks, as metrics.json has them with that data set.
      epochs: how many epochs `--steps 0` trains.
      learning_rate, optimizer, save_steps: the defaults of these flags.
      per_item: the start of the names of dense layers that see each item of a list, "" for none.
      sample_flags: what `make train` adds to the command, where a default run takes too long.
      roles: of the labels that it tells apart; () where each label is one of its tasks.
      loss_tasks: the tasks that have a loss of their own; () where all have.
      one_label: whether it has one task alone.
      reads: the inputs that it has besides columns with an embedding: "numbers", "histories" of a
        candidate, "groups" of columns.
      on_deeprec: feature -> who serves it on DeepRec ('ours', 'both', ...), where this model
        differs from the feature table.
    """

    name: str
    data: str
    tasks: Tuple[str, ...]
    epochs: int
    learning_rate: float
    optimizer: str
    save_steps: Optional[int] = None
    per_item: str = ""
    sample_flags: str = ""
    roles: Tuple[str, ...] = ()
    loss_tasks: Tuple[str, ...] = ()
    one_label: bool = False
    reads: Tuple[str, ...] = ()
    on_deeprec: Mapping[str, str] = {}

    @property
    def schema(self) -> Schema:
        """The columns of its data set."""
        module: Any = importlib.import_module(self.data)
        return module.SCHEMA

    @property
    def train_file(self) -> str:
        """The name of its data set's training file."""
        return self.schema.train_file


def names() -> List[str]:
    """The folders of all models: those with more tasks first, then by name."""
    return list(read_all())


def read_all() -> Dict[str, Model]:
    """Folder -> its MODEL, in the order of `names`."""
    paths = glob.glob(os.path.join(ROOT, "*", "train.py"))
    folders = sorted(os.path.basename(os.path.dirname(path)) for path in paths)
    models = [(folder, read(folder)) for folder in folders]
    models.sort(key=lambda item: len(item[1].tasks), reverse=True)
    return dict(models)


def read(folder: str) -> Model:
    """The MODEL of a folder's train.py.

    Raises:
      ValueError: the file does not assign Model(...) with literal fields to MODEL.
    """
    path = os.path.join(ROOT, folder, "train.py")
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.dump(node.targets[0]) == _MODEL_NAME:
            return _evaluate(node.value, path)
    raise ValueError("{}: no MODEL. Write MODEL = Model(name=..., ...).".format(path))


_MODEL_NAME = ast.dump(ast.Name(id="MODEL", ctx=ast.Store()))


def _evaluate(node: ast.expr, path: str) -> Model:
    """The value of `Model(field=literal, ...)`."""
    try:
        keywords = getattr(node, "keywords")
        fields = {keyword.arg: ast.literal_eval(keyword.value) for keyword in keywords}
        return Model(**fields)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError("{}: MODEL is not Model(field=literal, ...): {}.".format(path, error))


def main(argv: List[str]) -> None:
    """Prints the names of all models, or a field of one."""
    if argv:
        folder, field = argv
        print(getattr(read(folder), field))
    else:
        print(" ".join(names()))


if __name__ == "__main__":
    main(sys.argv[1:])
