"""Training: the Trainer, its callbacks and its history; the search for hyper-parameters."""

from handgrad.training.callbacks import BestSoFar, Callback, EarlyStopping
from handgrad.training.constraints import MaxNorm
from handgrad.training.history import History
from handgrad.training.progress import Progress
from handgrad.training.search import (
    Choice,
    Distribution,
    LogUniform,
    SearchResult,
    Trial,
    TrialResult,
    Uniform,
    random_search,
)
from handgrad.training.trainer import Trainer

__all__ = [
    "BestSoFar",
    "Callback",
    "Choice",
    "Distribution",
    "EarlyStopping",
    "History",
    "LogUniform",
    "MaxNorm",
    "Progress",
    "SearchResult",
    "Trainer",
    "Trial",
    "TrialResult",
    "Uniform",
    "random_search",
]
