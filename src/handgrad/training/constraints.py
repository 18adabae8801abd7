"""Constraints: what the weights must satisfy after every step, whatever the gradient says."""

from typing import TYPE_CHECKING

from handgrad.backend import ops
from handgrad.checks import check_number
from handgrad.training.callbacks import Callback

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer


class MaxNorm(Callback):
    """Keep the weights into each neuron (or filter) no longer than `limit` (`ops.max_norm_step`).

    A penalty asks for small weights and is weighed against the loss; this is a wall. Up to it the
    weights are free, so that a large learning rate explores without exploding. It is not the
    penalty on the largest entry, ‖w‖∞, which books also call the max norm: that one pulls at
    a single weight per step.

    Give it to `fit` as a callback, before those that keep copies of the network. Biases and
    norms' parameters go free, as do frozen layers.

    Args:
        limit: c, above 0. With dropout, 3 to 4 is usual.

    >>> from handgrad import SGD, Affine, MeanSquaredError, Network, Trainer
    >>> network = Network([Affine(1)], input_shape=(2,))
    >>> trainer = Trainer(network, MeanSquaredError(), SGD(0.1))
    >>> _ = trainer.fit([[1, 1], [1, -1]], [[9], [9]], epochs=50, callbacks=[MaxNorm(0.5)])
    >>> bool((network.params["affine_1.weight"] ** 2).sum() < 0.2501)
    True
    """

    def __init__(self, limit: float) -> None:
        check_number(limit, who="MaxNorm", which="limit", low=0, open_low=True)
        self.limit = float(limit)

    def on_step(self, trainer: "Trainer") -> None:
        decayed = trainer.network.decayed()
        for name, weight in trainer.network.trainable().items():
            if name in decayed:
                axes = (0,) if weight.ndim <= 2 else tuple(range(1, weight.ndim))
                ops.max_norm_step(weight, limit=self.limit, axes=axes)
