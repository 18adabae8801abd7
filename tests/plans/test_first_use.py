"""Where everything was compiled before, a new process trains at once."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

SECONDS = 1.5  # of processor time, from the start to the first step; 0.6 on a quiet machine
CODE = """
import sys
import time

from handgrad import SoftmaxCrossEntropy, Trainer, models
from handgrad.data import mnist
from handgrad.optimizers import by_name
from handgrad.training import Callback

class FirstStep(Callback):
    def on_step(self, trainer):
        print(time.process_time())
        sys.exit()

recipe = models.RECIPES[sys.argv[1]]
train = mnist().train
trainer = Trainer(recipe.network(), SoftmaxCrossEntropy(), by_name(recipe.optimizer))
trainer.fit(
    train.x, train.labels, epochs=1, batch_size=recipe.batch_size, callbacks=[FirstStep()]
)
"""


def seconds_to_the_first_step(model: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", CODE, model],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    return float(done.stdout)


@pytest.mark.parametrize("model", ["mlp", "convnet", "deep"])
def test_the_second_process_reaches_its_first_step_soon(model: str) -> None:
    seconds_to_the_first_step(model)  # compiles what is not compiled yet
    assert min(seconds_to_the_first_step(model) for _ in range(2)) < SECONDS
