"""Everything that a run needs to go on, gathered into one value and put back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from handgrad.checks import Array, DtypeError, InvalidValueError

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer


KEYS = {
    *("params", "state", "optimizer", "schedule", "generators"),
    *("seed", "deterministic", "position", "running", "history", "callbacks"),
}


def capture(trainer: "Trainer") -> dict[str, Any]:
    """The trainer's whole state as a nested dict of arrays (copies) and plain values."""
    network, optimizer = trainer.network, trainer.optimizer
    return {
        "params": {name: array.copy() for name, array in network.params.items()},
        "state": {name: array.copy() for name, array in network.state.items()},
        "optimizer": {
            "name": type(optimizer).__name__,
            "steps": optimizer.steps,
            "slots": {
                name: {slot: array.copy() for slot, array in slots.items()}
                for name, slots in optimizer.state.items()
            },
        },
        "schedule": trainer.schedule.state(),
        "generators": network.generators(),
        "seed": trainer.seed,
        "deterministic": trainer.deterministic,
        "position": trainer.position.state(),
        "running": trainer.running.state(),
        "history": [dict(row) for row in trainer.history],
        "callbacks": [callback.state() for callback in trainer.callbacks],
    }


def check_state(trainer: "Trainer", state: Any) -> None:
    """Refuse a state of another run before anything of it is put back.

    Raises:
        DtypeError: not a state.
        InvalidValueError: of other data, options, another network, optimizer or callbacks.
    """
    if not isinstance(state, dict) or not state.keys() >= KEYS:
        raise DtypeError(
            "Trainer.fit: resume must be what state() returned, but is "
            f"{cast('object', state)!r:.100}."
        )
    state = cast("dict[str, Any]", state)
    now, then = trainer.position.state(), state["position"]
    pairs: dict[str, tuple[Any, Any]] = {
        key: (then[key], now[key]) for key in ("epochs", "rows", "batch_size")
    }
    arrays = {**trainer.network.params, **trainer.network.state}
    kept: dict[str, Array] = {**state["params"], **state["state"]}
    pairs["arrays"] = (shapes(kept), shapes(arrays))
    pairs["deterministic"] = (state["deterministic"], trainer.deterministic)
    pairs["optimizer"] = (state["optimizer"]["name"], type(trainer.optimizer).__name__)
    pairs["callbacks"] = (len(state["callbacks"]), len(trainer.callbacks))
    for what, (was, came) in pairs.items():
        if was != came:
            raise InvalidValueError(
                "Trainer.fit: resume must come from a run with the same data and options, but "
                f"its {what} was {was}, and here it is {came}."
            )


def shapes(arrays: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    """The shape of each array, by name."""
    return {name: array.shape for name, array in arrays.items()}


def restore(trainer: "Trainer", state: dict[str, Any]) -> None:
    """Put back what `capture` gathered.

    Raises:
        DtypeError, InvalidValueError: it is of another run; nothing was changed.
    """
    check_state(trainer, state)
    network, optimizer = trainer.network, trainer.optimizer
    for name, array in state["params"].items():
        network.params[name] = array
    for name, array in state["state"].items():
        network.state[name] = array
    optimizer.steps = state["optimizer"]["steps"]
    optimizer.state = {
        name: {slot: np.array(array) for slot, array in slots.items()}
        for name, slots in state["optimizer"]["slots"].items()
    }
    trainer.schedule.restore(state["schedule"])
    network.set_generators(state["generators"])
    trainer.seed = state["seed"]
    trainer.position.restore(state["position"])
    trainer.running.restore(state["running"])
    trainer.history.rows[:] = [dict(row) for row in state["history"]]
    for callback, remembered in zip(trainer.callbacks, state["callbacks"], strict=True):
        callback.restore(remembered)
