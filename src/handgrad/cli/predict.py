"""`handgrad predict`: which digit an image shows."""

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.checks import HandgradError, check_count
from handgrad.cli.folder import load_network
from handgrad.cli.guard import FAILED, complain, describe, usage_errors
from handgrad.cli.results import CLASSES, find_probabilities, fit_images
from handgrad.cli.text import bar, percent, say, say_json, width
from handgrad.network import Network

BAR = 30
SEVERAL = 3  # probabilities shown for each of several images


def run_prediction(
    run: Path,
    images: Sequence[Path],
    *,
    show_steps: bool,
    steps_dir: Path | None,
    top: int | None,
    json: bool,
) -> int:
    """Print class and probabilities of each image; 1 if one could not be read."""
    with usage_errors():
        if top is not None:
            check_count(top, who="predict", which="--top")
    network = load_network(run)
    fit_images(network, np.zeros((0, 1, 28, 28), np.uint8))  # refused here, not for each image
    images = expand(images)
    pictures = StepPictures(steps_dir or Path()) if show_steps or steps_dir else None
    top = min(top or (CLASSES if len(images) == 1 else SEVERAL), CLASSES)
    answers: list[dict[str, Any]] = []
    for image in images:
        try:
            answer = predict_one(network, image, pictures)
        except (HandgradError, OSError) as error:  # the other images may be well
            answer = {"image": str(image), "error": describe(error)[1]}
        answers.append(answer)
        if not json:
            show(answer, top)
    if json:
        say_json(answers)
    return FAILED if any("error" in answer for answer in answers) else 0


def predict_one(network: Network, image: Path, pictures: "StepPictures | None") -> dict[str, Any]:
    """The answer for one image, as plain values."""
    from handgrad.data.digits import prepare_digit

    steps = prepare_digit(image)
    batch = steps.centred[np.newaxis, np.newaxis]  # (1, 1, 28, 28)
    (probabilities,) = find_probabilities(network, batch)
    answer: dict[str, Any] = {
        "image": str(image),
        "class": int(probabilities.argmax()),
        "probabilities": [float(p) for p in probabilities],
    }
    if pictures is not None:
        answer["steps"] = str(pictures.save(steps, image))
    return answer


def show(answer: dict[str, Any], top: int) -> None:
    """Print one answer: the class, then the probabilities as bars, the largest first."""
    if "error" in answer:
        complain(answer["error"])
        return
    probabilities = answer["probabilities"]
    best = answer["class"]
    say(f"{answer['image']}: {best}  ({percent(probabilities[best])})", "bold")
    room = max(min(BAR, width() - 16), 4)
    order = sorted(range(len(probabilities)), key=lambda k: (-probabilities[k], k))
    for k in order[:top]:
        say(f"  {k}  {percent(probabilities[k]):>8}  {bar(probabilities[k], room)}".rstrip())
    if "steps" in answer:
        say(f"  steps: {answer['steps']}")


class StepPictures:
    """Saves a picture of each image's steps into one folder, each under its own name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: set[str] = set()

    def save(self, steps: Any, image: Path) -> Path:
        """Draw the steps that brought `image` into MNIST's form."""
        from handgrad import plots

        name, number = f"{image.stem}-steps", 1
        while name in self.names:
            number += 1
            name = f"{image.stem}-steps-{number}"
        self.names.add(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        plots.preprocessing_steps(steps, path)
        return path


def expand(images: Sequence[Path]) -> list[Path]:
    """Replace patterns by what they match: some shells (on Windows) leave `*.png` alone."""
    found: list[Path] = []
    for image in images:
        matches = [] if image.exists() else sorted(glob.glob(str(image)))  # noqa: PTH207  (absolute patterns too)
        found += [Path(match) for match in matches] or [image]
    return found
