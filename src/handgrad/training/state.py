"""Everything that a run needs to go on, gathered into one value and put back."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer


def capture(trainer: "Trainer") -> dict[str, Any]:
    """The trainer's whole state as a nested dict of arrays (copies) and plain values."""
    network, optimizer = trainer.network, trainer.optimizer
    return {
        "params": {name: array.copy() for name, array in network.params.items()},
        "state": {name: array.copy() for name, array in network.state.items()},
        "optimizer": {
            "steps": optimizer.steps,
            "slots": {
                name: {slot: array.copy() for slot, array in slots.items()}
                for name, slots in optimizer.state.items()
            },
        },
        "schedule": trainer.schedule.state(),
        "generators": network.generators(),
        "seed": trainer.seed,
        "position": trainer.position.state(),
        "running": trainer.running.state(),
        "history": [dict(row) for row in trainer.history],
        "callbacks": [callback.state() for callback in trainer.callbacks],
    }


def restore(trainer: "Trainer", state: dict[str, Any]) -> None:
    """Put back what `capture` gathered."""
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
