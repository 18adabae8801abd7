"""PyTorch's side: the loop that its users write, in one of several modes.

    eager           PyTorch as it comes
    channels_last   images stored channel by channel innermost, which suits its convolutions
    fused           channels_last, and the optimizer as one fused kernel (an option of PyTorch's)
    compile         fused, and forward and loss through torch.compile

PyTorch is a peer, not a requirement, so it is imported by name and has no types here.
"""

import time
from importlib import import_module
from typing import Any

import numpy as np

from side_by_side.side import Array, Side, UnsupportedError, orders, shifted

LOSSES = {
    "SoftmaxCrossEntropy": "cross_entropy",
    "BinaryCrossEntropy": "binary_cross_entropy_with_logits",
    "MeanSquaredError": "mse_loss",
}


class Torch(Side):
    """PyTorch in one of the modes above."""

    def __init__(self, folder: str, mode: str) -> None:
        super().__init__(folder)
        self.torch: Any = import_module("torch")
        self.torch.set_num_threads(self.task["threads"])
        self.mode = mode
        has_images = any(layer["type"] == "Conv2d" for layer in self.task["layers"])
        if mode == "channels_last" and not has_images:
            raise UnsupportedError("there are no images, so it is PyTorch as it comes")
        if mode == "fused" and self.task["infer"]:
            raise UnsupportedError("there is no optimizer in inference")
        self.channels_last = has_images and mode != "eager"
        first = self.task["layers"][0]
        self.scale = first["options"]["scale"] if first["type"] == "Rescale" else None
        self.x, self.labels = (self.torch.from_numpy(self.arrays[key]) for key in ("x", "labels"))
        self.model: Any = self.make_model(dropout=True)
        self.initial = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.loss = self.make_loss(self.model)
        self.predict = self.compiled(self.model)

    def versions(self) -> dict[str, str]:
        return {"torch": self.torch.__version__}

    # -- the network ----------------------------------------------------------------------------

    def make_model(self, *, dropout: bool) -> Any:
        """The task's network in PyTorch's modules, with the same initial parameters."""
        layers = [
            self.module(layer)
            for layer in self.task["layers"]
            if layer["type"] != "Rescale" and (dropout or layer["type"] != "Dropout")
        ]
        model = self.torch.nn.Sequential(*layers)
        return model.to(memory_format=self.torch.channels_last) if self.channels_last else model

    def module(self, layer: dict[str, Any]) -> Any:
        """One layer; affine weights are (in, out) in handgrad and (out, in) in PyTorch."""
        nn, kind, options = self.torch.nn, layer["type"], layer["options"]
        prefix = f"params/{options['name']}."
        params = {
            key.removeprefix(prefix): value
            for key, value in self.arrays.items()
            if key.startswith(prefix)
        }
        match kind:
            case "Affine":
                params["weight"] = params["weight"].T
                module = nn.Linear(*params["weight"].shape[::-1], bias=options["bias"])
            case "Conv2d":
                filters, channels = params["weight"].shape[:2]
                names = ("stride", "padding", "dilation", "groups", "bias")
                chosen = {name: options[name] for name in names}
                module = nn.Conv2d(
                    channels * options["groups"], filters, options["kernel"], **chosen
                )
            case "BatchNorm":
                images = layer["images"]
                norm = nn.BatchNorm2d if images else nn.BatchNorm1d
                momentum = 1 - options["momentum"]
                module = norm(len(params["weight"]), eps=options["eps"], momentum=momentum)
            case "MaxPool2d":
                module = nn.MaxPool2d(options["kernel"], options["stride"], options["padding"])
            case "Dropout":
                module = nn.Dropout(options["rate"])
            case "Relu" | "Sigmoid" | "Flatten":
                module = {"Relu": nn.ReLU, "Sigmoid": nn.Sigmoid, "Flatten": nn.Flatten}[kind]()
            case _:
                raise UnsupportedError(f"the benchmark does not translate {kind}")
        with self.torch.no_grad():
            for name, value in params.items():
                getattr(module, name).copy_(self.torch.from_numpy(value.copy()))
        return module

    def make_loss(self, model: Any) -> Any:
        """A function (x, labels) -> (loss, outputs), compiled in the mode of that name."""
        criterion = getattr(self.torch.nn.functional, LOSSES[self.task["loss"]])
        smoothing = self.task.get("label_smoothing", 0.0)
        options = {"label_smoothing": smoothing} if smoothing else {}

        def loss(x: Any, labels: Any) -> tuple[Any, Any]:
            outputs = model(x)
            return criterion(outputs, labels, **options), outputs

        return self.compiled(loss)

    def compiled(self, function: Any) -> Any:
        """The function itself, or what torch.compile makes of it."""
        return self.torch.compile(function) if self.mode == "compile" else function

    def make_optimizer(self, model: Any, learning_rate: float) -> Any:
        """PyTorch's optimizer of the task's name."""
        kind = {"sgd": self.torch.optim.SGD, "adam": self.torch.optim.Adam}[self.task["optimizer"]]
        fused = {"fused": True} if self.mode in {"fused", "compile"} else {}
        return kind(model.parameters(), lr=learning_rate, **fused)

    def inputs(self, x: Any) -> Any:
        """A batch in the form that the network takes: floats, in the mode's layout."""
        if self.scale is not None:  # they are bytes
            x = x.to(self.torch.float32).mul_(self.scale)
        return x.contiguous(memory_format=self.torch.channels_last) if self.channels_last else x

    # -- what is compared, and what is measured ---------------------------------------------------

    def losses(self, steps: int) -> list[float]:
        model = self.make_model(dropout=False)
        optimizer = self.make_optimizer(model, self.task["check_rate"])
        loss_of = self.make_loss(model)
        batch = self.task["batch"]
        x, labels = self.inputs(self.x[:batch]), self.labels[:batch]
        return [self.step(loss_of, optimizer, x, labels)[0] for _ in range(steps)]

    def outputs(self) -> list[float]:
        with self.torch.inference_mode():
            outputs = self.make_model(dropout=True).eval()(
                self.inputs(self.x[: self.task["batch"]])
            )
        return outputs[:4].flatten().tolist()

    def step(self, loss_of: Any, optimizer: Any, x: Any, labels: Any) -> tuple[float, Any]:
        """One training step; the loss, and the outputs."""
        optimizer.zero_grad()
        loss, outputs = loss_of(x, labels)
        loss.backward()
        optimizer.step()
        return loss.item(), outputs

    def fresh(self) -> Any:
        self.model.load_state_dict(self.initial)
        self.model.zero_grad()  # gradients stay with a model
        return self.model

    def own_bytes(self, network: Any) -> int:
        return sum(value.nbytes for value in network.state_dict().values())

    def run(self, network: Any, count: int, steps: int) -> list[float]:
        batch = self.task["batch"]
        rows = batch * steps
        if self.task["infer"]:
            network.eval()
            return [self.predict_seconds(rows, batch) for _ in range(count)]
        optimizer = self.make_optimizer(network, self.task["learning_rate"])
        seconds: list[float] = []
        last = time.perf_counter()
        for epoch in range(count):
            self.epoch(optimizer, self.torch.from_numpy(orders(0, epoch, rows)), batch)
            now = time.perf_counter()
            seconds.append(now - last)
            last = now
        return seconds

    def epoch(self, optimizer: Any, order: Any, batch: int) -> tuple[float, float]:
        """One pass over the rows in this order: the mean loss, and the accuracy if asked for."""
        total = correct = 0.0
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            x, labels = self.inputs(self.x[rows]), self.labels[rows]
            loss, outputs = self.step(self.loss, optimizer, x, labels)
            total += loss * len(rows)
            if self.task["accuracy"]:
                correct += (outputs.argmax(1) == labels).sum().item()
        return total / len(order), correct / len(order)

    def predict_seconds(self, rows: int, batch: int) -> float:
        """The seconds of predicting all rows, batch by batch."""
        started = time.perf_counter()
        with self.torch.inference_mode():
            for start in range(0, rows, batch):
                self.predict(self.inputs(self.x[start : start + batch]))
        return time.perf_counter() - started

    # -- the speedrun -----------------------------------------------------------------------------

    def train(self) -> float:
        task, model = self.task, self.model
        optimizer = self.make_optimizer(model, task["learning_rate"])
        x, rates = self.arrays["x"], iter(task["rates"])
        for epoch in range(task["epochs"]):
            order = orders(task["seed"], epoch, len(x))
            for step, start in enumerate(range(0, len(x), task["batch"])):
                rows = order[start : start + task["batch"]]
                images = self.augmented(x[rows], epoch, step)
                for group in optimizer.param_groups:
                    group["lr"] = next(rates)
                labels = self.labels[self.torch.from_numpy(rows)]
                self.step(self.loss, optimizer, self.inputs(images), labels)
        model.eval()
        x_test, labels_test = (self.arrays[key] for key in ("x_test", "labels_test"))
        with self.torch.inference_mode():
            batches = (x_test[start : start + 1000] for start in range(0, len(x_test), 1000))
            outputs = [model(self.inputs(self.torch.from_numpy(each))) for each in batches]
        said = self.torch.cat(outputs).argmax(1).numpy()
        return float((said == labels_test).mean())

    def augmented(self, x: Array, epoch: int, step: int) -> Any:
        """A batch as the recipe wants it, with the shifts that handgrad's side makes."""
        if self.task["shift"]:
            x = shifted(x, np.random.default_rng((self.task["seed"], epoch, step)))
        return self.torch.from_numpy(np.ascontiguousarray(x))
