"""Train a small network on MNIST by the library alone, and say where handgrad came from.

Run by scripts/wheel in clean environments, and by tests/test_package.py with everything but
NumPy blocked.
"""

import numpy as np

import handgrad
from handgrad import Adam, Affine, Network, Relu, SoftmaxCrossEntropy, Trainer
from handgrad.data import mnist


def main():
    """Train for two short epochs, and refuse a result that is no better than bad luck."""
    (x, labels), _ = mnist(normalize=True, flatten=True)
    network = Network([Affine(32), Relu(), Affine(10)], input_shape=(784,))
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.01))
    history = trainer.fit(x[:2000], labels[:2000], epochs=2)
    accuracy = history.last["accuracy"]
    if not accuracy > 0.8:
        raise SystemExit(f"smoke: training reached an accuracy of {accuracy} only")
    print(f"smoke: {handgrad.__file__}, NumPy {np.__version__}, accuracy {accuracy:.2f}")


if __name__ == "__main__":
    main()
