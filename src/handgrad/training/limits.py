"""What a trainer does, it does with as many threads as it was told to."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from handgrad.threads import limited

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer

Options = ParamSpec("Options")
Answer = TypeVar("Answer")
Method = Callable[Concatenate["Trainer", Options], Answer]


def within_limits(method: Method[Options, Answer]) -> Method[Options, Answer]:
    """A trainer's method that keeps to the trainer's `threads` and `deterministic`."""

    @functools.wraps(method)
    def keeping(trainer: "Trainer", *args: Options.args, **options: Options.kwargs) -> Answer:
        with limited(trainer.threads, deterministic=trainer.deterministic):
            return method(trainer, *args, **options)

    return keeping
