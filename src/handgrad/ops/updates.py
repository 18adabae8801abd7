"""One optimizer step for one parameter, in place: the update rules of the optimizers.

These are the one exemption from the ops' contract: each changes its parameter and its slots in
place and has no backward. `learning_rate` is written η in the equations, the gradient g; all
products, roots and quotients of arrays are entry by entry. Slots are zeros before the first step.
"""

from typing import Annotated

import numpy as np

from handgrad.ops.array import Array


def sgd_step(
    param: Annotated[Array, "..."], grad: Annotated[Array, "..."], *, learning_rate: float
) -> None:
    """One step against the gradient.

        (1)  param ← param − η g

    Robbins and Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22,
    1951.

    >>> w = np.array([1.0])
    >>> sgd_step(w, np.array([2.0]), learning_rate=0.1)
    >>> w
    array([0.8])
    """
    param -= learning_rate * grad  # (1)


def momentum_step(
    param: Annotated[Array, "..."],
    grad: Annotated[Array, "..."],
    v: Annotated[Array, "..."],
    *,
    learning_rate: float,
    momentum: float = 0.9,
) -> None:
    """A ball with velocity v that rolls down: the gradient pushes it, friction slows it.

        (1)  v ← μ v − η g        (μ: momentum)
        (2)  param ← param + v

    PyTorch keeps b = −v / η instead: b ← μ b + g, param ← param − η b. With a constant η both go
    the same way. When η falls, v here keeps the speed that it has, and PyTorch's ball slows down
    at once.

    Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational
    Mathematics and Mathematical Physics 4, 1964.

    >>> w, v = np.array([1.0]), np.array([0.5])
    >>> momentum_step(w, np.array([2.0]), v, learning_rate=0.1, momentum=0.8)
    >>> v, w  # 0.8 · 0.5 − 0.1 · 2, and 1 + 0.2
    (array([0.2]), array([1.2]))
    """
    v *= momentum  # (1)
    v -= learning_rate * grad  # (1)
    param += v  # (2)


def nesterov_step(
    param: Annotated[Array, "..."],
    grad: Annotated[Array, "..."],
    v: Annotated[Array, "..."],
    *,
    learning_rate: float,
    momentum: float = 0.9,
) -> None:
    """Momentum that asks for the gradient where the velocity is about to carry it.

    Nesterov's ball w looks ahead before it corrects its velocity:

        v ← μ v − η g(w + μ v)        w ← w + v

    The gradient is wanted at w + μ v, but a network gives it at `param`. So `param` is that
    point: param = w + μ v. With v' and w' for the values after the step,

        param' = w' + μ v' = w + v' + μ v' = param − μ v + v' + μ v'

    where v' − μ v = −η g, which leaves

        (1)  v ← μ v − η g
        (2)  param ← param + μ v − η g        (with the v of (1))

    Written with the old v, (2) is param + μ² v − (1 + μ) η g. Putting the new v into that formula
    is a well-known mistake: another method, and a worse one.

    Nesterov, Soviet Mathematics Doklady 27, 1983; in this form: Bengio, Boulanger-Lewandowski and
    Pascanu, "Advances in Optimizing Recurrent Networks", arXiv:1212.0901, equations 6 and 7.

    >>> w, v = np.array([1.0]), np.array([0.5])
    >>> nesterov_step(w, np.array([2.0]), v, learning_rate=0.1, momentum=0.8)
    >>> v, w.round(6)  # 0.8 · 0.5 − 0.1 · 2, and 1 + 0.8 · 0.2 − 0.1 · 2
    (array([0.2]), array([0.96]))
    """
    push = learning_rate * grad
    v *= momentum  # (1)
    v -= push  # (1)
    param += momentum * v  # (2)
    param -= push  # (2)


def adagrad_step(
    param: Annotated[Array, "..."],
    grad: Annotated[Array, "..."],
    h: Annotated[Array, "..."],
    *,
    learning_rate: float,
    eps: float = 1e-10,
) -> None:
    """Every entry has its own learning rate, which falls as its squared gradients add up.

        (1)  h ← h + g²
        (2)  param ← param − η g / (√h + ε)

    ε keeps the quotient finite where every gradient was 0. It stands outside the root, as in
    PyTorch.

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", JMLR 12, 2011.

    >>> w, h = np.array([1.0]), np.array([9.0])
    >>> adagrad_step(w, np.array([4.0]), h, learning_rate=0.5)
    >>> h, w.round(6)  # 9 + 16, and 1 − 0.5 · 4 / 5
    (array([25.]), array([0.6]))
    """
    h += grad * grad  # (1)
    param -= learning_rate * grad / (np.sqrt(h) + eps)  # (2)


def rmsprop_step(
    param: Annotated[Array, "..."],
    grad: Annotated[Array, "..."],
    h: Annotated[Array, "..."],
    *,
    learning_rate: float,
    rho: float = 0.99,
    eps: float = 1e-8,
) -> None:
    """AdaGrad that forgets: a moving mean of squared gradients in place of their sum.

        (1)  h ← h + (1 − ρ) (g² − h)        which is ρ h + (1 − ρ) g²
        (2)  param ← param − η g / (√h + ε)

    ε stands outside the root, as in PyTorch. h starts at 0 and nothing corrects that, so the
    first step has the length η / √(1 − ρ) whatever the gradient is.

    Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012.

    >>> w, h = np.array([1.0]), np.array([4.0])
    >>> rmsprop_step(w, np.array([8.0]), h, learning_rate=0.1, rho=0.8)
    >>> h, w.round(6)  # 0.8 · 4 + 0.2 · 64, and 1 − 0.1 · 8 / 4
    (array([16.]), array([0.8]))
    """
    h += (1 - rho) * (grad * grad - h)  # (1)
    param -= learning_rate * grad / (np.sqrt(h) + eps)  # (2)


def adadelta_step(
    param: Annotated[Array, "..."],
    grad: Annotated[Array, "..."],
    h: Annotated[Array, "..."],
    u: Annotated[Array, "..."],
    *,
    learning_rate: float,
    rho: float = 0.9,
    eps: float = 1e-6,
) -> None:
    """RMSprop whose rate is the size of its own recent changes: the units come out right.

        (1)  h ← h + (1 − ρ) (g² − h)        which is ρ h + (1 − ρ) g²
        (2)  Δ = g √((u + ε) / (h + ε))
        (3)  u ← u + (1 − ρ) (Δ² − u)
        (4)  param ← param − η Δ

    ε stands inside the roots, as in the paper and in PyTorch: without it in (2), u = 0 would stay
    0 for ever. The paper has no learning rate, which is η = 1.

    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701, algorithm 1.

    >>> w, h, u = np.array([1.0]), np.array([0.0]), np.array([0.0])
    >>> adadelta_step(w, np.array([4.0]), h, u, learning_rate=1.0, rho=0.5, eps=1.0)
    >>> h, u.round(6), w.round(6)  # 0.5 · 16; Δ = 4 / 3, so 0.5 · 16 / 9; and 1 − 4 / 3
    (array([8.]), array([0.888889]), array([-0.333333]))
    """
    h += (1 - rho) * (grad * grad - h)  # (1)
    delta = grad * np.sqrt((u + eps) / (h + eps))  # (2)
    u += (1 - rho) * (delta * delta - u)  # (3)
    param -= learning_rate * delta  # (4)


def adam_step(
    param: Annotated[Array, "..."],
    grad: Annotated[Array, "..."],
    m: Annotated[Array, "..."],
    v: Annotated[Array, "..."],
    *,
    learning_rate: float,
    step: int,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> None:
    """Momentum on the gradient, divided by the root of the mean squared gradient.

        (1)  m ← m + (1 − β₁) (g − m)         which is β₁ m + (1 − β₁) g
        (2)  v ← v + (1 − β₂) (g² − v)        which is β₂ v + (1 − β₂) g²
        (3)  m̂ = m / (1 − β₁ᵗ)        v̂ = v / (1 − β₂ᵗ)        (t = 1, 2, …: the step)
        (4)  param ← param − η m̂ / (√v̂ + ε)

    (3) undoes the pull of the zeros that m and v start from. ε stands outside the root, as in the
    paper and in PyTorch.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 1.

    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_step(w, np.array([5.0]), m, v, learning_rate=0.1, step=1)
    >>> w.round(6)
    array([0.9])
    """
    m += (1 - beta1) * (grad - m)  # (1)
    v += (1 - beta2) * (grad * grad - v)  # (2)
    m_hat = m / (1 - beta1**step)  # (3)
    v_hat = v / (1 - beta2**step)  # (3)
    param -= learning_rate * m_hat / (np.sqrt(v_hat) + eps)  # (4)


def max_norm_step(
    weight: Annotated[Array, "..."], *, limit: float, axes: tuple[int, ...] = (0,)
) -> None:
    """Scale the weights that lead into a neuron back to the length c, where they are longer.

    Made after an optimizer's step. With the sum over `axes`, along which one neuron's weights lie:

        (1)  r = √(Σ weight²)
        (2)  weight ← weight · c / max(r, c)        (c: limit; unchanged while r ≤ c)

    That is the point nearest to `weight` among those no longer than c: projected gradient descent.
    An affine weight (in, out) has its neurons in columns, `axes=(0,)`; a convolution's (out, in,
    height, width) has its filters along the first axis, `axes=(1, 2, 3)`.

    Srebro and Shraibman, "Rank, Trace-Norm and Max-Norm", COLT 2005; with dropout: Srivastava,
    Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout", JMLR 15, 2014, section 5.1.

    >>> w = np.array([[3.0, 0.3], [4.0, 0.4]])
    >>> max_norm_step(w, limit=1.0)
    >>> w  # the first column had length 5, the second 0.5
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """
    norm = np.sqrt((weight * weight).sum(axis=axes, keepdims=True))  # (1)
    weight *= limit / np.maximum(norm, limit)  # (2)
