"""Which parameters learn: those of layers that are not frozen, in the step under way."""

from handgrad.checks import Array
from handgrad.network import Network


class Learning:
    """The parameters of a network that learn, and which of them decay.

    Looked up again when a layer was frozen, or may learn again: a callback can do that.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.layers = [layer for _, layer in network.named_layers()]
        self.frozen: list[bool] | None = None  # as they were when these were looked up
        self.params: dict[str, Array] = {}
        self.decayed: set[str] = set()

    def now(self) -> tuple[dict[str, Array], set[str]]:
        """The parameters that learn, and the names of those that decay."""
        frozen = [layer.frozen for layer in self.layers]
        if frozen != self.frozen:
            self.frozen = frozen
            self.params, self.decayed = self.network.trainable(), self.network.decayed()
        return self.params, self.decayed
