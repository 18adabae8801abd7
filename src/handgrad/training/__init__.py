"""Training: the Trainer, its callbacks and its history."""

from handgrad.training.callbacks import BestSoFar, Callback, EarlyStopping
from handgrad.training.constraints import MaxNorm
from handgrad.training.history import History
from handgrad.training.progress import Progress
from handgrad.training.trainer import Trainer

__all__ = ["BestSoFar", "Callback", "EarlyStopping", "History", "MaxNorm", "Progress", "Trainer"]
