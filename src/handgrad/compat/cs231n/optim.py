"""`cs231n.optim`: update rules, `next_w, config = rule(w, dw, config)`.

`config` holds the rule's options and what it remembers; a missing one is filled in. `w` is left as
it is. (The course's rules write into `w` here and there, and not the same ones in every year.)
"""

from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array

Config = dict[str, Any]


def sgd(w: Array, dw: Array, config: Config | None = None) -> tuple[Array, Config]:
    """Plain gradient descent. Options: learning_rate (0.01)."""
    config = {} if config is None else config
    config.setdefault("learning_rate", 1e-2)
    next_w = w.copy()
    ops.sgd_step(next_w, dw, learning_rate=config["learning_rate"])
    return next_w, config


def sgd_momentum(w: Array, dw: Array, config: Config | None = None) -> tuple[Array, Config]:
    """Gradient descent with momentum. Options: learning_rate (0.01), momentum (0.9); velocity."""
    config = {} if config is None else config
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("momentum", 0.9)
    next_w, velocity = w.copy(), slot(config, "velocity", w)
    ops.momentum_step(
        next_w,
        dw,
        velocity,
        learning_rate=config["learning_rate"],
        momentum=config["momentum"],
    )
    config["velocity"] = velocity
    return next_w, config


def rmsprop(w: Array, dw: Array, config: Config | None = None) -> tuple[Array, Config]:
    """RMSprop. Options: learning_rate (0.01), decay_rate (0.99), epsilon (1e-8); cache."""
    config = {} if config is None else config
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("decay_rate", 0.99)
    config.setdefault("epsilon", 1e-8)
    next_w, squares = w.copy(), slot(config, "cache", w)
    ops.rmsprop_step(
        next_w,
        dw,
        squares,
        learning_rate=config["learning_rate"],
        rho=config["decay_rate"],
        eps=config["epsilon"],
    )
    config["cache"] = squares
    return next_w, config


def adam(w: Array, dw: Array, config: Config | None = None) -> tuple[Array, Config]:
    """Adam. Options: learning_rate (0.001), beta1 (0.9), beta2 (0.999), epsilon (1e-8); m, v, t."""
    config = {} if config is None else config
    config.setdefault("learning_rate", 1e-3)
    config.setdefault("beta1", 0.9)
    config.setdefault("beta2", 0.999)
    config.setdefault("epsilon", 1e-8)
    config["t"] = config.get("t", 0) + 1
    next_w, m, v = w.copy(), slot(config, "m", w), slot(config, "v", w)
    ops.adam_step(
        next_w,
        dw,
        m,
        v,
        learning_rate=config["learning_rate"],
        step=config["t"],
        beta1=config["beta1"],
        beta2=config["beta2"],
        eps=config["epsilon"],
    )
    config["m"], config["v"] = m, v
    return next_w, config


def slot(config: Config, name: str, w: Array) -> Array:
    """A copy of what the rule remembers under `name`; zeros at first."""
    return np.array(config[name]) if config.get(name) is not None else np.zeros_like(w)
