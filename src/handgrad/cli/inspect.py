"""`handgrad summary` and `handgrad gradcheck`: what a network is, and whether it learns right."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.checks import check_count, shape_text
from handgrad.cli.folder import load_network
from handgrad.cli.guard import FAILED, usage_errors
from handgrad.cli.results import CLASSES, fit_images
from handgrad.cli.text import say, say_json, table, width
from handgrad.gradcheck import GradientReport, GradientRow
from handgrad.summary import Summary


def run_summary(run: Path, *, batch_size: int, json: bool) -> int:
    """Print the layers of the network of `run`, and what training takes."""
    with usage_errors():
        check_count(batch_size, who="summary", which="--batch-size")
    summary = load_network(run).summary(batch_size=batch_size)
    if json:
        rows = [row._asdict() for row in summary.rows]
        memory = summary.memory._asdict() if summary.memory is not None else None
        say_json({"network": str(run), **summary._asdict(), "rows": rows, "memory": memory})
    else:
        show_summary(summary)
    return 0


def show_summary(summary: Summary) -> None:
    """Print the table; in a narrow terminal without types and operations."""
    lines = str(summary).splitlines()
    words = 2 + (summary.memory is not None)  # lines of words below the table
    if max(map(len, lines[:-words])) > width():
        rows = [[r.name, shape_text(r.output_shape), f"{r.parameters:,}"] for r in summary.rows]
        total = ["total", "", f"{summary.parameters:,}"]
        lines = [*table(["layer", "output", "parameters"], [*rows, total], left=2), *lines[-words:]]
    for line in lines:
        say(line)


def run_gradcheck(run: Path, *, images: int, entries: int, seed: int, json: bool) -> int:
    """Compare the gradients of the network of `run` with numerical ones; 1 if any is wrong."""
    with usage_errors():
        check_count(images, who="gradcheck", which="--images")
        check_count(entries, who="gradcheck", which="--entries")
        check_count(seed, who="gradcheck", which="--seed", low=0)
    network = load_network(run)
    from handgrad.data import mnist
    from handgrad.gradcheck import check_network
    from handgrad.losses import SoftmaxCrossEntropy

    x = fit_images(network, mnist().train.x[:images])
    # Not the true labels: where a network is right and sure, its gradients are nearly zero.
    labels = np.random.default_rng(seed).integers(CLASSES, size=len(x))
    loss = SoftmaxCrossEntropy()
    report = check_network(network, x, labels, loss, entries=entries, seed=seed)
    if json:
        say_json(
            {"network": str(run), "ok": report.ok, "rows": [plain_row(r) for r in report.rows]}
        )
    else:
        show_report(report)
    return 0 if report.ok else FAILED


def plain_row(row: GradientRow) -> dict[str, Any]:
    """A row as plain values; JSON has no infinity."""
    return {**row._asdict(), "error": row.error if math.isfinite(row.error) else None, "ok": row.ok}


def show_report(report: GradientReport) -> None:
    """Print a verdict per parameter, with as many columns as there is room for."""
    title, *full, end = str(report).splitlines()
    header = ["name", "checked", "error", "verdict"]
    rows = [[r.name, str(r.checked), f"{r.error:.0e}", r.verdict] for r in report.rows]
    fewer = table(header, rows, left=4)
    fewest = table([header[0], header[3]], [[row[0], row[3]] for row in rows], left=2)
    fitting = (lines for lines in (full, fewer) if max(map(len, lines)) <= width())
    for line in [title, *next(fitting, fewest)]:
        say(line)
    say(end, "bold" if report.ok else "bold red")
