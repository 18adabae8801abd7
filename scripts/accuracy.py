"""The accuracies that the README states: each model trained with five seeds, tested once each.

    python scripts/accuracy.py [MODEL…] [--runs DIR]

Trains what DIR does not hold yet (as `handgrad train mnist` does, with its defaults, but with NumPy
alone, so that the result does not depend on whether Numba is there), writes every
result to docs/results/accuracy.json and the first run's pictures to docs/images, and prints the
table for the README. Seeds are 0 to 4; the claim is their median.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEEDS = range(5)
PICTURES = ("learning_curve.png", "mistakes.png", "confusion_matrix.png", "filters.png")


def train(model, seed, folder):
    """One run, unless it is there."""
    if not (folder / "metrics.json").exists():
        command = [sys.executable, "-m", "handgrad", "train", "mnist", "--model", model]
        command += ["--seed", str(seed), "--out", str(folder), "--quiet"]
        numpy_alone = {**os.environ, "HANDGRAD_BACKEND": "reference"}  # what the README claims
        subprocess.run(command, check=True, env=numpy_alone)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {
        "seed": seed,
        "accuracy": metrics["test"]["accuracy"],
        "seconds": metrics["seconds"],
        "started": config["started"],
        "epochs": config["training"]["epochs"],
        "machine": config["machine"],
        "versions": config["versions"],
    }


def main():
    """Train, collect, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="*", default=["convnet", "mlp"])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "accuracy")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    path = ROOT / "docs" / "results" / "accuracy.json"
    path.parent.mkdir(exist_ok=True)
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for model in options.models:
        results[model] = [train(model, s, options.runs / f"{model}-{s}") for s in SEEDS]
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for picture in PICTURES:
        shutil.copy(options.runs / f"{options.models[0]}-0" / picture, ROOT / "docs" / "images")
    print("| model | median of five | lowest | highest | seconds (median) |\n|---|---|---|---|---|")
    for model, runs in results.items():
        accuracies = [run["accuracy"] for run in runs]
        low, high = min(accuracies), max(accuracies)
        seconds = statistics.median(run["seconds"] for run in runs)
        median = statistics.median(accuracies)
        print(f"| {model} | {median:.2%} | {low:.2%} | {high:.2%} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
