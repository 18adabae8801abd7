"""The trajectories of `tests/ops/test_updates.py`, made by torch.optim."""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import optim

# {rule: optimizer with the options of a case, under PyTorch's names}
OPTIMIZERS = {
    "sgd": lambda w, o, _: optim.SGD([w], o["learning_rate"]),
    "momentum": lambda w, o, _: optim.SGD([w], o["learning_rate"], momentum=o["momentum"]),
    "nesterov": lambda w, o, _: optim.SGD(
        [w], o["learning_rate"], momentum=o["momentum"], nesterov=True
    ),
    "adagrad": lambda w, o, _: optim.Adagrad([w], o["learning_rate"], eps=o["eps"]),
    "rmsprop": lambda w, o, _: optim.RMSprop([w], o["learning_rate"], alpha=o["rho"], eps=o["eps"]),
    "adadelta": lambda w, o, _: optim.Adadelta([w], o["learning_rate"], rho=o["rho"], eps=o["eps"]),
    "adam": lambda w, o, decay: optim.AdamW(
        [w], o["learning_rate"], (o["beta1"], o["beta2"]), o["eps"], weight_decay=decay
    ),
}


def record(case):
    """The parameter before the first step and after each, on the tests' problem."""
    path = Path(__file__).resolve().parents[2] / "tests" / "ops" / "test_updates.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tests)
    a, b, w = (torch.from_numpy(array.copy()) for array in tests.problem())
    w.requires_grad_()
    optimizer = OPTIMIZERS[case.op](w, case.options, case.decay)
    trajectory = [w.detach().numpy().copy()]
    for _ in range(tests.STEPS):
        optimizer.zero_grad()
        (0.5 * ((a @ w - b) ** 2).sum()).backward()
        optimizer.step()
        trajectory.append(w.detach().numpy().copy())
    return {f"{case.name}/trajectory": np.array(trajectory)}
