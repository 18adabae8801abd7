"""Mutants that no test can catch, because they compute the same: each with its proof.

Keys are `Mutant.name`: function, change, statement.
"""

EQUIVALENT: dict[str, str] = {}
EQUIVALENT_KERNELS: dict[str, str] = {}  # the same, of the compiled twins
EQUIVALENT_DENSE: dict[str, str] = {  # the same, of the kernels of dense networks' plans
    "matrix_sums: keep the right side: for j in range(0, columns, lanes):": (
        "panels then overlap, and the same sums are written several times"
    ),
    "cuts: keep the left side: fours = step - step": (
        "all columns are summed one register at a time, which is slower"
    ),
    "entrywise: 1 for 0: total = own_room(scratch[0], worker, workers)[1]": (
        "both rows are the worker's own, and nothing is kept in either"
    ),
    "logarithm_of_one_plus: 1 for 0: square, total = (s * s, ODD[1])": (
        "the highest coefficient is 1/27 in place of 1/29; with s² ≤ 1/9 that changes the result "
        "by (1/27 - 1/29) / 9¹⁴, a tenth of its rounding"
    ),
    "yes_no_column: 1.0 for 0.0: target, share = (targets[row, 0], 1.0 / total if total > 0.0 "
    "else 1.0)": "without a positive sum every weight is 0, and the share is multiplied by it",
    "finite: Sub for Add: total -= x[i] * x.dtype.type(0)": (
        "each product is 0 or NaN, and so is their sum with any signs"
    ),
}
