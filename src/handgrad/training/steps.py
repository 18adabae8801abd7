"""One step's forward pass, loss and backward pass: layer by layer, or as a compiled plan."""

from collections.abc import Callable
from typing import NamedTuple

from handgrad.backend import compiled, planned
from handgrad.checks import Array
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.optimizers.base import Team


class StepResult(NamedTuple):
    """What a step computed, before anything was changed."""

    loss: float
    outputs: Array  # (N, …): the network's, in training mode
    grads: dict[str, Array]  # by parameter
    new_state: dict[str, Array]  # what to commit after the update
    finite: dict[str, bool] = {}  # noqa: RUF012  (never changed): whether gradients are, if known


Step = Callable[..., StepResult]  # (x, labels, weights) -> StepResult


def make_step(network: Network, loss: Loss, batch_size: int) -> tuple[Step, Team | None]:
    """The fastest step there is for this network, and the same results as the plainest.

    And the threads that compute it, if it has several: they can share the update too.
    """

    def run_layers(x: Array, labels: Array, weights: Array | None) -> StepResult:
        outputs, saved = network.forward(x, training=True)
        value, loss_saved = loss.forward(outputs, labels=labels, sample_weight=weights)
        (d_outputs,) = loss.backward(outputs.dtype.type(1), loss_saved)
        _, grads = network.backward(d_outputs, saved)
        return StepResult(float(value), outputs, grads, network.body.new_state(saved))

    def find_plan() -> tuple[Step, Team] | None:
        from handgrad.plans import own_passes, training_plan

        plan = None if own_passes(network) else training_plan(network, batch_size, loss)
        if plan is None:
            return None

        def run_plan(x: Array, labels: Array, weights: Array | None) -> StepResult:
            return StepResult(*plan.step(x, loss, labels=labels, sample_weight=weights))

        return run_plan, plan.context.workers

    found = planned(find_plan, lambda: None) if compiled() else None
    if found is None:
        return run_layers, None
    run_plan, team = found
    return guarded(network, run_plan, run_layers), team


def guarded(network: Network, run_plan: Step, run_layers: Step) -> Step:
    """The plan's step, or where that fails, the layers' on the same batch and random numbers.

    Kernels are compiled when they are first needed: with the first batch of a size.
    """
    proven: set[int] = set()

    def run(x: Array, labels: Array, weights: Array | None) -> StepResult:
        if len(x) in proven:
            return run_plan(x, labels, weights)
        if not compiled():
            return run_layers(x, labels, weights)
        generators = network.generators()

        def run_again() -> StepResult:
            network.set_generators(generators)
            return run_layers(x, labels, weights)

        result = planned(lambda: run_plan(x, labels, weights), run_again)
        if compiled():
            proven.add(len(x))
        return result

    return run
