"""Training: the Trainer, its callbacks and its history."""

from handgrad.training.callbacks import BestSoFar, Callback, EarlyStopping
from handgrad.training.history import History
from handgrad.training.trainer import Trainer

__all__ = ["BestSoFar", "Callback", "EarlyStopping", "History", "Trainer"]
