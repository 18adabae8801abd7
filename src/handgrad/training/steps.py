"""One step's forward pass, loss and backward pass: layer by layer, or as a compiled plan."""

from collections.abc import Callable
from typing import NamedTuple

from handgrad.backend import compiled
from handgrad.checks import Array
from handgrad.losses import Loss
from handgrad.network import Network


class StepResult(NamedTuple):
    """What a step computed, before anything was changed."""

    loss: float
    outputs: Array  # (N, …): the network's, in training mode
    grads: dict[str, Array]  # by parameter
    new_state: dict[str, Array]  # what to commit after the update


Step = Callable[..., StepResult]  # (x, labels, weights) -> StepResult


def make_step(network: Network, loss: Loss, batch_size: int) -> Step:
    """The fastest step there is for this network, and the same results as the plainest."""
    if compiled():
        from handgrad.plans import training_plan

        plan = training_plan(network, batch_size)
        if plan is not None:

            def run_plan(x: Array, labels: Array, weights: Array | None) -> StepResult:
                result = plan.step(x, loss, labels=labels, sample_weight=weights)
                return StepResult(*result)

            return run_plan

    def run_layers(x: Array, labels: Array, weights: Array | None) -> StepResult:
        outputs, saved = network.forward(x, training=True)
        value, loss_saved = loss.forward(outputs, labels=labels, sample_weight=weights)
        (d_outputs,) = loss.backward(outputs.dtype.type(1), loss_saved)
        _, grads = network.backward(d_outputs, saved)
        return StepResult(float(value), outputs, grads, network.body.new_state(saved))

    return run_layers
