"""The learning rate of a step: warm-up, then decay, both counted by the global step.

With s the global step, W --warmup_steps, D --decay_steps, F --decay_factor, and t = max(s - W, 0):

    rate(s) = --learning_rate * min((s + 1) / W, 1) * decay(t)

    cosine        decay(t) = F + (1 - F) * (1 + cos(pi * min(t / D, 1))) / 2
    exponential   decay(t) = F ** (t / D)
    step          decay(t) = F ** floor(t / D)

Cosine: Loshchilov and Hutter, arXiv 1608.03983, without restarts. Warm-up: Goyal et al., arXiv
1706.02677.
"""

import argparse
from typing import NamedTuple, Optional, Union

import tensorflow.compat.v1 as tf

from common.config.flag_types import TRAINING, FlagParser, amount, count, positive
from common.errors import BadInput

NONE, COSINE, EXPONENTIAL, STEP = "none", "cosine", "exponential", "step"
_FACTORS = {COSINE: 0.0, EXPONENTIAL: 0.1, STEP: 0.1}
_STEPS_OF_A_RUN = 3  # how many periods of --decay step a run has, where nothing says


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of how the learning rate changes."""
    group = parser.group(TRAINING)
    group.add_argument(
        "--warmup_steps", type=count, default=0, metavar="N",
        help="global steps in which the learning rate rises linearly to --learning_rate (default "
             "0)")
    group.add_argument(
        "--decay", choices=(NONE, COSINE, EXPONENTIAL, STEP), default=NONE,
        help="how the learning rate falls after the warm-up (default none)")
    group.add_argument(
        "--decay_steps", type=positive, default=None, metavar="N",
        help="steps after the warm-up in which --decay multiplies the rate by --decay_factor "
             "(default those to the end of --steps or --epochs; of step, a third of them)")
    group.add_argument(
        "--decay_factor", type=amount, default=None, metavar="FACTOR",
        help="what --decay multiplies the rate by in --decay_steps, 0 to 1 (default 0 of cosine, "
             "else 0.1)")


class Schedule(NamedTuple):
    """How the learning rate changes.

    Attributes:
      warmup_steps: global steps in which it rises; 0 for none.
      decay: of the choices of --decay.
      decay_steps: in which it falls to `decay_factor` of what it was; 0 where the steps of the run,
        which `within` is told, say it.
      decay_factor: as --decay_factor.
    """

    warmup_steps: int = 0
    decay: str = NONE
    decay_steps: int = 0
    decay_factor: float = 0.0

    @classmethod
    def from_flags(cls, args: argparse.Namespace) -> "Schedule":
        """What flags say.

        Raises:
          ValueError: flags that --decay needs or has no use for, or a factor out of its range.
        """
        schedule = cls(args.warmup_steps, args.decay, args.decay_steps or 0)
        if args.decay == NONE:
            _check_unused(args)
            return schedule
        factor = _factor(args.decay, args.decay_factor)
        if args.steps and args.steps <= args.warmup_steps and not args.decay_steps:
            raise ValueError(_no_steps(args.decay, args.warmup_steps, args.steps))
        return schedule._replace(decay_factor=factor)

    def within(self, steps: int) -> "Schedule":
        """The same in a run that ends at a global step.

        Raises:
          BadInput: none of its steps is left for the decay.
        """
        if self.decay == NONE or self.decay_steps:
            return self
        left = steps - self.warmup_steps
        if left <= 0:
            raise BadInput(_no_steps(self.decay, self.warmup_steps, steps))
        if self.decay == STEP:
            left = -(-left // _STEPS_OF_A_RUN)
        return self._replace(decay_steps=left)

    def rate(self, base: float) -> Union[float, tf.Tensor]:
        """The rate of the current global step, float32 scalar; `base` itself where it is constant.

        Args:
          base: --learning_rate.
        """
        if not self.warmup_steps and self.decay == NONE:
            return base
        step = tf.cast(tf.train.get_or_create_global_step(), tf.int64)
        rate = self._decayed(base, tf.maximum(step - self.warmup_steps, 0))
        if not self.warmup_steps:
            return rate
        share = tf.cast(step + 1, tf.float32) / float(self.warmup_steps)
        return tf.minimum(share, 1.0) * rate

    def _decayed(self, base: float, step: tf.Tensor) -> tf.Tensor:
        """The rate without its warm-up, after `step` steps of decay, int64 scalar."""
        if self.decay == NONE:
            return tf.constant(base)
        if self.decay == COSINE:
            return tf.train.cosine_decay(base, step, self.decay_steps, alpha=self.decay_factor)
        return tf.train.exponential_decay(
            base, step, self.decay_steps, self.decay_factor, staircase=self.decay == STEP)


def _check_unused(args: argparse.Namespace) -> None:
    """Raises ValueError for flags of a decay without one."""
    for name in ("decay_steps", "decay_factor"):
        value = getattr(args, name)
        if value is not None:
            raise ValueError("--{} {}: the learning rate does not decay. Give --decay cosine, "
                             "exponential or step too.".format(name, value))


def _factor(decay: str, given: Optional[float]) -> float:
    """The factor of a decay; raises ValueError where it is out of its range."""
    factor = _FACTORS[decay] if given is None else given
    if factor > 1 or not factor and decay != COSINE:
        lowest = "from 0" if decay == COSINE else "above 0"
        raise ValueError("--decay_factor of --decay {} must be {} to 1. Got: {}.".format(
            decay, lowest, factor))
    return factor


def _no_steps(decay: str, warmup_steps: int, steps: int) -> str:
    return ("--decay {}: --warmup_steps {} leaves none of the run's {} steps for it. Give less "
            "warm-up, or --decay_steps.".format(decay, warmup_steps, steps))
