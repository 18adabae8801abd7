"""Plans: a whole network's step, compiled, in layouts and buffers of its own.

Only the Trainer's step and streaming predict use them; everything else calls layers one by one.
Without this folder (or without Numba) both run layer by layer, slower.
"""

from handgrad.plans.choice import own_passes, predict, training_plan
from handgrad.plans.dense import DensePlan, dense_plan
from handgrad.plans.dense_kinds import examples
from handgrad.plans.plan import Plan
from handgrad.plans.workers import Workers

__all__ = [
    "DensePlan",
    "Plan",
    "Workers",
    "dense_plan",
    "examples",
    "own_passes",
    "predict",
    "training_plan",
]
