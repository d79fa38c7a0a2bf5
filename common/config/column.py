"""One column of a data set, as its reader, its writer and its model all see it."""

from common.config import column_checks
from common.config.column_fields import ColumnFields

KINDS = ("label", "hash", "identity", "words", "vocabulary", "number", "user", "weight", "keep",
         "unused")


class Column(ColumnFields):
    """One column of a file.

    Attributes:
      name: the column's name, which is also its feature's.
      kind: 'label' (what is to be predicted), 'hash' (a string hashed into buckets), 'identity'
        (an integer that is its own bucket), 'words' (a string from a fixed list; others are
        errors), 'vocabulary' (a string from a vocabulary file; others are id 0), 'number' (a float;
        a list stands for its mean), 'user' (the schema's user_column where it is no feature),
        'weight' (how often a row counts in the loss and in metrics), 'keep' (read for predictions
        alone, to stand beside them) or 'unused' (read past, never decoded).
      buckets: the rows of the column's embedding table, at most 2**31 - 1; KEYS for a hash column
        without one, whose ids are keys. A vocabulary's are known when its file is read.
      group: the name of the group of columns whose embeddings are concatenated.
      separator: what divides the items of a list; empty for a column with one value a row.
      default: what an empty or null field stands for: of an identity column one of its numbers, of
        a number column a finite one, of a words column one of its words, without which an empty
        field is an error, or an empty list. Labels and weights have none.
      combiner: how the embeddings of a list's items become one: 'mean' or 'sum'.
      table: the name of its embedding table, which columns may share; the column's own name if
        empty.
      words: the words of a 'words' column, in the order of their ids.
      vocabulary: the name of a 'vocabulary' column's file, without its ending.
      newest: for a list whose items keep their order and number: how many are kept, counted from
        its end. 0 for a list in which order does not count.
      aligned: whether the list has as many items in each row as the schema's other aligned lists.
      other_names: names that files which name their columns may give it in place of its own.
      task: the name of a label's task in metrics and variables; the column's own name if empty.
      role: 'click' or 'purchase', for a label of a model that tells its labels apart.
      positive, at_least: which of a label's values count as 1, as Label has them; the column holds
        0 and 1 where neither is given.
      labels: several labels out of one column, in place of one of its own name.
      width: of its embedding; the model's own if 0.

    Raises:
      ValueError: a field has a value outside the ones above.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Column":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        if self.kind not in KINDS:
            problem = "kind must be one of {}. Got: {!r}.".format(KINDS, self.kind)
            raise column_checks.wrong(self, problem)
        if self.kind == "words" and not self.buckets:
            self = self._replace(buckets=len(self.words))
        is_blank = self.default == self._field_defaults["default"]
        if self.kind == "words" and self.is_list and is_blank and self.default not in self.words:
            self = self._replace(default="")  # an empty list, as a blank is none of its words
        column_checks.check(self)
        return self
