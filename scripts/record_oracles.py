"""Record PyTorch's outputs and gradients for the cases of the tests, into tests/oracles/<op>.npz.

Needs PyTorch (the tests do not): python scripts/record_oracles.py [FAMILY…]
A family is the name of a file in tests/ops (without test_) and in scripts/torch_ops.
"""

import importlib.util
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS)]


def load(path):
    """Import a file by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tensor(value):
    """A tensor of an array, anything else as it is."""
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def record(case, function):
    """PyTorch's output and gradients for one case, in float64."""
    example = case.example()
    inputs = [tensor(array).requires_grad_() for array in example.inputs]
    output = function(*inputs, **{name: tensor(v) for name, v in example.options.items()})
    d_output = np.random.default_rng(5).normal(size=tuple(output.shape))
    output.backward(tensor(np.asarray(d_output)))
    values = {"output": output.detach().numpy(), "d_output": d_output}
    for index, (array, leaf) in enumerate(zip(example.inputs, inputs, strict=True)):
        values[f"input{index}"] = array
        values[f"gradient{index}"] = leaf.grad.numpy()
    return {f"{case.name}/{key}": value for key, value in values.items()}


def main():
    """Record the families named on the command line, or all."""
    torch.set_default_dtype(torch.float64)
    folder = Path(__file__).resolve().parent / "torch_ops"
    families = sys.argv[1:] or sorted(path.stem for path in folder.glob("*.py"))
    for family in families:
        said = load(folder / f"{family}.py")
        records = defaultdict(dict)
        for case in load(TESTS / "ops" / f"test_{family}.py").CASES:
            if not case.oracle:
                continue
            # A family whose functions have no backward records its cases in its own way.
            own = hasattr(said, "record")
            values = said.record(case) if own else record(case, said.OPS[case.op])
            records[case.op] |= values
        for op, values in records.items():
            np.savez_compressed(TESTS / "oracles" / f"{op}.npz", **values)
            print(f"{family}: {op}, {len({key.split('/')[0] for key in values})} cases")


if __name__ == "__main__":
    main()
