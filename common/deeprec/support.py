"""Who serves which flag, in this installation: at start-up, and as `python -m common.deeprec`."""

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import tensorflow as tf

from common.config.model import Model
from common.config.toggles import Toggles
from common.deeprec import conflicts, features
from common.deeprec import symbols as deeprec
from common.deeprec.features import FEATURES, NUMBERS, Answer, Feature, Who
from common.kernels import native
from common.kernels.layers import dense

_ROW = "| {} |"


def enabled_features(flags: Mapping[str, Any]) -> Tuple[Tuple[str, str], ...]:
    """The features besides the toggles that flags, name -> value, turn on, and their values."""
    names = dict.fromkeys(feature.name for feature in FEATURES if feature.starts)
    enabled = [name for name in names if flags[name]]
    return tuple((name, "" if flags[name] is True else str(flags[name])) for name in enabled)


def here(feature: Feature) -> Answer:
    """Who serves a feature in this installation."""
    return _on_deeprec(feature) if deeprec.is_deeprec() else feature.stock


def _on_deeprec(feature: Feature) -> Answer:
    """DeepRec's answer; the stock one where the installed DeepRec lacks what it needs."""
    if not deeprec.is_deeprec():
        return feature.deeprec
    reasons = list(filter(None, map(deeprec.lacking, feature.needs)))
    if not reasons:
        return feature.deeprec
    how = "{} (this DeepRec: {})".format(feature.stock.how, "; ".join(reasons))
    return Answer(feature.stock.who, how)


def start_up(toggles: Toggles, protocol: str,
             enabled: Sequence[Tuple[str, str]]) -> List[Tuple[str, str]]:
    """The start-up table: each feature and who serves it.

    Args:
      enabled: the features that are on besides the toggles, as enabled_features gives them.
    """
    installed = "DeepRec" if deeprec.is_deeprec() else "stock"
    layers = "as TF 1.15.5 users write them (--tf)" if toggles.tf else "columnar input, id lookups"
    rows = [("TensorFlow", "{} ({})".format(tf.__version__, installed)),
            ("input and layers", layers)]
    for name, detail in _details(toggles).items():
        rows.append((name, detail(here(_feature(name)).how) if getattr(toggles, name) else "off"))
    for name, value in enabled:
        answer = here(_feature(name, value))
        title = "{} {}".format(name, value).strip()
        rows.append((title, "{}: {}".format(answer.who.value, answer.how)))
    return rows + [("protocol", protocol)]


def _details(toggles: Toggles) -> Dict[str, Callable[[str], str]]:
    """Toggle -> how it is served, to what this machine makes of that."""
    op_fusion_alone = "DeepRec's graph pass" if deeprec.has("op_fusion") else "off"
    lookups = "; tables in slices or on servers by TensorFlow's ops"
    return {
        "bf16": lambda how: _bf16(how, toggles),
        "emb_fusion": lambda how: _native(how + lookups, "lists gathered and summed directly"),
        "op_fusion": lambda how: _native(how, op_fusion_alone),
        "smartstaged": lambda how: how}


def _native(how: str, without: str) -> str:
    """What is served with native ops, or what is done without them and why."""
    reason = native.load().reason
    return "{}; no native ops: {}".format(without, reason) if reason else how


def _bf16(how: str, toggles: Toggles) -> str:
    inputs = "bfloat16 inputs, float32 sums and variables; multiplied "
    if deeprec.has("bf16"):
        return how
    if not toggles.op_fusion or not native.load().ops:
        return inputs + ("in float32 by TensorFlow's own ops, so the numerics are BF16's and the "
                         "speed is not")
    if dense.precision(True) == "bfloat16":
        return inputs + "in bfloat16 by oneDNN"
    culprit = "oneDNN" if native.has_bfloat16() else "this CPU"
    return inputs + ("in float32, as {} has no bfloat16 products: the numerics are BF16's and the "
                     "speed is not".format(culprit))


def _feature(name: str, value: str = "") -> Feature:
    """The entry of a flag with that value."""
    entries = [feature for feature in FEATURES if feature.name == name]
    of_value = [feature for feature in entries if value in feature.value.split(", ")]
    return (of_value or entries)[0]


class Row(NamedTuple):
    """A row of the tables: a feature, or several that are served alike.

    Attributes:
      title: the flags.
      feature: who serves them.
      folders: of the models that have them, none for all.
    """

    title: str
    feature: Feature
    folders: Tuple[str, ...] = ()


def document(models: Mapping[str, Model], shared: Sequence[str],
             own: Mapping[str, Sequence[str]]) -> str:
    """Who serves what, as Markdown: flags by models, how, which columns, and what is refused.

    Args:
      models: folder -> MODEL.
      shared: the names of the flags that all models have.
      own: folder -> the names of the flags that a model adds.
    """
    rows = list_rows(shared, own)
    tables = (_who_table(rows, models), _how_table(rows), _columns_table(models), _rules_table())
    return "\n\n".join("\n".join(lines) for lines in tables)


def list_rows(shared: Sequence[str], own: Mapping[str, Sequence[str]]) -> List[Row]:
    """The rows in their order; flags that no feature knows are the last, as they are alike."""
    rows = [Row(feature.title, feature) for feature in FEATURES]
    rows += _rows_of_models(own)
    rows += [Row(feature.title, feature) for feature in NUMBERS]
    listed = {row.feature.name for row in rows}
    others = [features.unlisted(name) for name in shared if name not in listed]
    if others:
        rows.append(Row(", ".join(feature.title for feature in others), others[0]))
    return rows


def _rows_of_models(own: Mapping[str, Sequence[str]]) -> List[Row]:
    """A row for each flag that one or several models add."""
    folders: Dict[str, List[str]] = {}
    for folder, names in own.items():
        for name in names:
            folders.setdefault(name, []).append(folder)
    rows = []
    for name, having in folders.items():
        feature = features.of_model(name)
        rows.append(Row(feature.title, feature, tuple(having)))
    return rows


def _who_table(rows: Sequence[Row], models: Mapping[str, Model]) -> List[str]:
    names = " | ".join(model.name for model in models.values())
    lines = ["| stock / DeepRec | {} |".format(names), "|---" * (len(models) + 1) + "|"]
    for row in rows:
        cells = [_cell(row, folder, model) for folder, model in models.items()]
        lines.append(_ROW.format(" | ".join([row.title, *cells])))
    return lines


def _cell(row: Row, folder: str, model: Model) -> str:
    if row.folders and folder not in row.folders:
        return "no such flag"
    who = _on_deeprec(row.feature).who
    on_deeprec = Who(model.on_deeprec.get(row.feature.name, who))
    return "{} / {}".format(row.feature.stock.who.value, on_deeprec.value)


def _how_table(rows: Sequence[Row]) -> List[str]:
    lines = ["| | on TensorFlow 1.15.5 | on DeepRec |", "|---|---|---|"]
    for row in rows:
        cells = [row.title, row.feature.stock.how, _on_deeprec(row.feature).how]
        lines.append(_ROW.format(" | ".join(cells)))
    return lines


def _columns_table(models: Mapping[str, Model]) -> List[str]:
    """The columns that `--ev` and its relatives serve, and the others, by data set."""
    lines = ["| models | `--ev`, `--adaptive_emb`, `--dynamic_ev`, `--multihash` | fixed tables in "
             "any case |", "|---|---|---|"]
    by_data: Dict[str, List[Model]] = {}
    for model in models.values():
        by_data.setdefault(model.data, []).append(model)
    for members in by_data.values():
        lines.append(_columns_row(members))
    return lines


def _columns_row(members: Sequence[Model]) -> str:
    """The row of a data set and the models that it has."""
    names = [model.name for model in members]
    columns = members[0].schema.features
    growing = [column.name for column in columns if column.may_grow]
    fixed = [column.name for column in columns if not column.may_grow]
    cells = [", ".join(names), ", ".join(growing), ", ".join(fixed) or "none"]
    return _ROW.format(" | ".join(cells))


def _rules_table() -> List[str]:
    lines = ["| refused | where | why, and what instead |", "|---|---|---|"]
    rules = [(rule, "everywhere") for rule in conflicts.EVERYWHERE]
    rules += [(rule, "on DeepRec") for rule in conflicts.ON_DEEPREC]
    for rule, where in rules:
        since = "; from release {} on it is served".format(rule.before) if rule.before else ""
        lines.append(_ROW.format(" | ".join([rule.flags, where, rule.reason + since])))
    return lines
