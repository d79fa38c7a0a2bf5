"""Which kernels a graph uses."""

from typing import NamedTuple


class _ToggleFields(NamedTuple):
    tf: bool = False
    bf16: bool = False
    emb_fusion: bool = False
    op_fusion: bool = False
    smartstaged: bool = False
    micro_batch: int = 0


class Toggles(_ToggleFields):
    """Which kernels a graph uses; none of them changes a variable.

    Attributes:
      tf: build everything as a TF 1.15.5 user writes it.
      bf16: the inputs of dense layers' products are rounded to bfloat16; variables and sums stay
        float32.
      emb_fusion: all columns of an input layer are looked up in one native op.
      op_fusion: dense layers, batch normalisations, mixtures, DIN's attention and activation are
        native ops.
      smartstaged: rows are read and decoded ahead of the steps that need them.
      micro_batch: the slices of a batch that follow one another in a step; 0 for whole batches.

    Raises:
      ValueError: tf together with a feature that it switches off.
    """

    __slots__ = ()

    def __new__(cls, *args: int, **kwargs: int) -> "Toggles":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        for name in self._fields[1:]:
            if self.tf and getattr(self, name):
                raise ValueError("--tf switches every DeepRec feature off, so it cannot go with "
                                 "--{}. Drop one of them.".format(name))
        return self

    @property
    def native(self) -> bool:
        """Whether native ops may be used at all."""
        return self.emb_fusion or self.op_fusion

    def plain(self) -> "Toggles":
        """The same numerics with TensorFlow's own ops alone, as exported models need them."""
        return self._replace(emb_fusion=False, op_fusion=False)
