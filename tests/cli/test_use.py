"""`handgrad evaluate | predict | summary | gradcheck` on a finished run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command_line import call
from handgrad import Network
from handgrad.data import mnist

PARAMETERS = 6  # of the mlp: three weights, three biases


def test_evaluate_finds_what_training_measured(run: Path):
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    for place in (run, run / "network.safetensors"):
        answer = json.loads(call("evaluate", place, "--json").out)
        for name, value in metrics["test"].items():
            assert answer[name] == value
    digit = answer["classes"][3]
    confusion = np.array(answer["confusion"])
    assert digit["support"] == 1010
    assert digit["recall"] == confusion[3, 3] / 1010
    assert digit["precision"] == confusion[3, 3] / confusion[:, 3].sum()


def test_evaluate_prints_tables(run: Path):
    done = call("evaluate", run)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("Test accuracy ")
    assert lines[1].startswith("Loss ")
    assert "digit  prec %  recall %   F1 %  images" in lines
    assert any(line.endswith("1,135") for line in lines)
    assert "Most frequent mistakes" in lines


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three test images, enlarged, dark on light, as PNG and JPEG files."""
    folder = tmp_path_factory.mktemp("digits")
    x = mnist().test.x
    paths = [folder / "seven.png", folder / "two.jpg", folder / "one.png"]
    for path, image in zip(paths, x, strict=False):
        large = Image.fromarray(255 - image[0]).resize((140, 140), Image.Resampling.BICUBIC)
        large.save(path)
    return paths


def test_predict_prints_class_and_probabilities(run: Path, digits: list[Path]):
    done = call("predict", run, digits[0])
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{digits[0]}: 7  (")
    assert len(lines) == 11
    shares = [float(line.split()[1]) for line in lines[1:]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.1)


def test_predict_takes_several_images_and_top(run: Path, digits: list[Path]):
    done = call("predict", run, *digits)
    assert done.status == 0
    assert len(done.out.splitlines()) == 3 * 4
    assert len(call("predict", run, *digits, "--top", 1).out.splitlines()) == 3 * 2
    assert call("predict", run, digits[0], "--top", 0).status == 2


def test_predict_in_json_is_what_the_network_says(run: Path, digits: list[Path]):
    from handgrad.data.digits import prepare_digit

    done = call("predict", run, *digits, "--json")
    answers: list[dict[str, Any]] = json.loads(done.out)
    assert [answer["image"] for answer in answers] == [str(path) for path in digits]
    network = Network.load(run / "network.safetensors")
    image = prepare_digit(digits[0]).centred.reshape(1, *network.input_shape)
    assert answers[0]["probabilities"] == network.predict_proba(image)[0].tolist()
    assert answers[0]["class"] == 7


def test_one_bad_image_does_not_stop_the_others(run: Path, digits: list[Path], here: Path):
    (here / "text.png").write_text("not an image")
    done = call("predict", run, "text.png", digits[0], "missing.png")
    assert done.status == 1
    assert f"{digits[0]}: 7" in done.out
    first, second = done.err.splitlines()
    assert first.startswith("handgrad: ")
    assert "text.png" in first
    assert "missing.png" in second
    done = call("predict", run, "text.png", digits[0], "--json")
    assert done.status == 1
    assert done.err == ""
    answers = json.loads(done.out)
    assert "text.png" in answers[0]["error"]
    assert answers[1]["class"] == 7


def test_predict_saves_its_steps(run: Path, digits: list[Path], here: Path):
    done = call("predict", run, digits[0], "--show-steps", "--top", 1)
    assert done.status == 0
    assert done.out.splitlines()[-1] == "  steps: seven-steps.png"
    assert (here / "seven-steps.png").read_bytes().startswith(b"\x89PNG")
    done = call("predict", run, digits[0], digits[0], "--steps-dir", "some/where", "--json")
    saved = [answer["steps"] for answer in json.loads(done.out)]
    folder = Path("some/where")
    assert saved == [str(folder / "seven-steps.png"), str(folder / "seven-steps-2.png")]
    assert all(Path(path).exists() for path in saved)


@pytest.mark.usefixtures("here")
def test_predict_expands_patterns_that_the_shell_left_alone(run: Path, digits: list[Path]):
    done = call("predict", run, digits[0].parent / "*.png", "--top", 1)
    assert done.status == 0
    assert len(done.out.splitlines()) == 4
    assert "no-*.png" in call("predict", run, "no-*.png").err


def test_summary_shows_layers_and_totals(run: Path):
    network = Network.load(run / "network.safetensors")
    done = call("summary", run)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"{network.summary(batch_size=100)}\n"
    assert "Training in batches of 7 takes" in call("summary", run, "--batch-size", 7).out
    assert "--batch-size must be" in call("summary", run, "--batch-size", 0).err
    answer = json.loads(call("summary", run, "--json").out)
    assert answer["parameters"] == network.summary().parameters
    assert answer["memory"]["batch_size"] == 100
    assert sum(row["parameters"] for row in answer["rows"]) == answer["parameters"]


def test_gradcheck_has_a_verdict_per_parameter(run: Path):
    done = call("gradcheck", run)
    assert (done.status, done.err) == (0, "")
    assert "Right: 6 of 6 gradients." in done.out
    answer = json.loads(call("gradcheck", run, "--json", "--images", 2, "--entries", 3).out)
    assert answer["ok"] is True
    assert [row["ok"] for row in answer["rows"]] == [True] * PARAMETERS
    assert all(row["checked"] + row["skipped"] == 3 for row in answer["rows"])


def test_gradcheck_finds_a_wrong_gradient(run: Path, monkeypatch: pytest.MonkeyPatch):
    from handgrad.layers import Affine

    right = Affine.backward

    def wrong(self: Affine, dy: Any, saved: Any) -> Any:
        dx, grads = right(self, dy, saved)
        return dx, {**grads, "bias": -grads["bias"]}

    monkeypatch.setattr(Affine, "backward", wrong)
    done = call("gradcheck", run)
    assert done.status == 1
    assert "Right: 3 of 6 gradients." in done.out
    answer = json.loads(call("gradcheck", run, "--json").out)
    assert [row["ok"] for row in answer["rows"]] == [True, False] * 3


@pytest.mark.parametrize("option", ["--images", "--entries"])
def test_gradcheck_options_are_checked(run: Path, option: str):
    done = call("gradcheck", run, option, 0)
    assert done.status == 2
    assert done.err == f"handgrad: gradcheck: {option} must be at least 1, but is 0.\n"
