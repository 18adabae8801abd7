"""Gradients without a backward pass, and the comparison of a backward pass with them.

`numerical_diff`, `numerical_gradient` and `complex_step_gradient` differentiate any function.
`check_op` and `check_network` compare the gradients that somebody wrote by hand with such
derivatives, and say which of them are wrong, and how.
"""

from handgrad.gradcheck.differences import (
    FlatFunctionWarning,
    complex_step_gradient,
    numerical_diff,
    numerical_gradient,
)
from handgrad.gradcheck.network_check import check_network
from handgrad.gradcheck.op_check import check_op
from handgrad.gradcheck.report import GradientReport, GradientRow

__all__ = [
    "FlatFunctionWarning",
    "GradientReport",
    "GradientRow",
    "check_network",
    "check_op",
    "complex_step_gradient",
    "numerical_diff",
    "numerical_gradient",
]
