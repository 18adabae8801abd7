"""`handgrad train mnist`: the folder, the options, and what goes wrong."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from command_line import call
from handgrad import Network
from handgrad.data import mnist
from handgrad.models import RECIPES
from handgrad.optimizers import OPTIMIZERS

QUICK = ("train", "mnist", "--model", "mlp", "--epochs", 1, "--limit", 200)
PICTURES = {"learning_curve.png", "mistakes.png", "confusion_matrix.png", "filters.png"}
FILES = {"network.safetensors", "config.json", "history.csv", "metrics.json", *PICTURES}


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_folder_holds_everything(run: Path):
    assert {file.name for file in run.iterdir()} == FILES
    assert all((run / name).read_bytes().startswith(b"\x89PNG") for name in PICTURES)


def test_the_configuration_says_what_the_numbers_depend_on(run: Path):
    config = read(run / "config.json")
    assert config["model"]["name"] == "mlp"
    assert config["data"]["train_images"] == 1000
    assert config["data"]["validation_images"] == 1000
    training = config["training"]
    assert (training["epochs"], training["seed"]) == (2, 0)
    assert training["optimizer"]["learning_rate"] > 0
    assert training["schedule"]["name"] == "OneCycle"
    assert training["schedule"]["warmup"] == 0.2
    assert set(config["versions"]) == {"handgrad", "python", "numpy", "blas"}
    assert config["machine"]["threads"] >= 1


def test_the_history_has_a_row_per_epoch(run: Path):
    with (run / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["validation_accuracy"]) > 0.5


def test_the_network_kept_is_the_one_that_was_measured(run: Path):
    metrics = read(run / "metrics.json")
    test = mnist().test
    network = Network.load(run / "network.safetensors")
    right = network.predict_classes(test.x.reshape(-1, *network.input_shape)) == test.labels
    assert metrics["test"]["accuracy"] == right.mean()
    assert metrics["test"]["mistakes"] == (~right).sum()
    assert sum(map(sum, metrics["test"]["confusion"])) == 10_000


def test_the_output_says_what_where_and_how_to_go_on(run: Path):
    text = (run.parent / "output.txt").read_text(encoding="utf-8")
    for part in (
        "Training mlp (",
        "1,000 images to learn from",
        "2 epochs",
        "seed 0",
        "BLAS thread",
        f"saved in {run}",
        "epoch 1/2  loss",
        "epoch 2/2  loss",
        "Test accuracy ",
        *FILES,
        f"handgrad evaluate {run}",
        f"handgrad predict {run} IMAGE.png",
    ):
        assert part in text
    assert "\x1b" not in text


@pytest.mark.usefixtures("no_pictures")
def test_runs_are_numbered_and_json_is_alone_on_stdout(here: Path):
    (here / "runs/mnist-mlp-7").mkdir(parents=True)
    (here / "runs/mnist-mlp-old").mkdir()
    done = call(*QUICK, "--json")
    assert done.status == 0, done.err
    answer = json.loads(done.out)
    assert answer["run"] == str(Path("runs/mnist-mlp-8"))
    assert set(answer["files"]) == FILES - PICTURES
    assert 0 < answer["test_accuracy"] < 1
    assert answer["best_epoch"] == 1
    assert "epoch 1/1" in done.err


@pytest.mark.usefixtures("here", "no_pictures")
def test_quiet_says_the_result_and_the_place():
    done = call(*QUICK, "--quiet", "--out", "new/a run")
    assert done.status == 0, done.err
    assert done.err == ""
    first, second = done.out.splitlines()
    assert first.startswith("Test accuracy ")
    assert second.endswith(f"Saved in {Path('new/a run')}")


@pytest.mark.usefixtures("no_pictures")
def test_the_same_seed_gives_the_same_bits(here: Path):
    for name in ("a", "b"):
        assert call(*QUICK, "-q", "--out", name, "--seed", 3).status == 0
    assert call(*QUICK, "-q", "--out", "c", "--seed", 4).status == 0
    files = [(here / name / "network.safetensors").read_bytes() for name in ("a", "b", "c")]
    assert files[0] == files[1] != files[2]


@pytest.mark.usefixtures("no_pictures")
def test_deterministic_the_same_bits_with_any_number_of_threads(here: Path):
    for count in (1, 3):
        options = ("--model", "convnet", "--threads", count, "--deterministic", "--out", f"{count}")
        assert call(*QUICK, "-q", *options).status == 0
    one, three = ((here / name / "network.safetensors").read_bytes() for name in ("1", "3"))
    assert one == three
    config = read(here / "3/config.json")
    assert config["training"]["threads"] == 3
    assert config["training"]["deterministic"] is True
    assert config["machine"]["workers"] == 3
    assert "--threads must be at least 1, but is 0" in call(*QUICK, "--threads", 0).err


def test_a_folder_that_exists_is_left_alone(here: Path):
    (here / "mine").mkdir()
    (here / "mine/precious.txt").write_text("keep me")
    done = call(*QUICK, "--out", "mine")
    assert done.status == 2
    assert done.out == ""
    assert "--out must be a new folder, but mine exists. Give another name" in done.err
    assert [file.name for file in (here / "mine").iterdir()] == ["precious.txt"]


def test_a_place_that_cannot_be_written_is_noticed_before_training(here: Path):
    (here / "file").write_text("")
    done = call(*QUICK, "--out", "file/run")
    assert done.status == 1
    assert done.out == ""
    assert "cannot make the folder file" in done.err
    assert "Give --out a folder in a place that can be written." in done.err
    (here / "runs").write_text("")
    assert "cannot make the folder runs" in call(*QUICK).err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--epochs", "0"], "train mnist: --epochs must be at least 1, but is 0."),
        (["--batch-size", "-5"], "train mnist: --batch-size must be at least 1, but is -5."),
        (["--limit", "0"], "train mnist: --limit must be at least 1, but is 0."),
        (["--seed", "-1"], "train mnist: --seed must be at least 0, but is -1."),
        (["--learning-rate", "nan"], "--learning-rate must be in (0, inf), but is nan."),
        (["--learning-rate", "0"], "--learning-rate must be in (0, inf), but is 0.0."),
        (["--optimizer", "adm"], "but is 'adm'. Did you mean 'adam'?"),
        (["--optimizer", "zzz"], "--optimizer must be one of "),
        (["--model", "convent"], "mlp, convnet, deep, but is 'convent'. Did you mean 'convnet'?"),
        (["--epochs", "many"], "Invalid value for '--epochs': "),
        (["--epoch", "3"], "No such option: --epoch"),
    ],
)
def test_options_that_cannot_be_are_usage_errors(here: Path, options: list[str], text: str):
    done = call("train", "mnist", *options)
    assert done.status == 2
    assert done.out == ""
    assert text in done.err
    assert done.err.startswith("handgrad: ")
    assert done.err.count("\n") == 1
    assert list(here.iterdir()) == []


@pytest.mark.usefixtures("no_pictures")
def test_an_optimizer_brings_its_own_learning_rate(here: Path):
    assert call(*QUICK, "-q", "--out", "a", "--optimizer", "sgd").status == 0
    assert call(*QUICK, "-q", "--out", "b", "--learning-rate", "0.25").status == 0
    optimizer = read(here / "a/config.json")["training"]["optimizer"]
    assert (optimizer["name"], optimizer["learning_rate"]) == ("SGD", 0.1)
    assert read(here / "b/config.json")["training"]["optimizer"]["learning_rate"] == 0.25


def test_a_run_that_diverges_at_once_says_where_and_leaves_nothing(here: Path):
    done = call(*QUICK, "-q", "--optimizer", "sgd", "--learning-rate", "1e30")
    assert done.status == 1
    assert "handgrad: Trainer: not finite any more at epoch 1, step " in done.err
    assert "a smaller learning rate" in done.err
    assert list((here / "runs").iterdir()) == []


def test_an_error_after_an_epoch_says_what_is_kept(here: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device", "mistakes.png")

    monkeypatch.setattr("handgrad.cli.train.draw_pictures", fail)
    done = call(*QUICK, "-q", "--out", "run")
    assert done.status == 1
    assert "handgrad: mistakes.png: No space left on device. The best network so far" in done.err
    assert "is kept in run." in done.err
    assert done.out.startswith("Test accuracy ")  # the result is not lost with the pictures
    assert (here / "run/network.safetensors").exists()


def test_help_names_every_model_and_optimizer():
    text = call("train", "mnist", "--help").out
    for name in (*RECIPES, *OPTIMIZERS):
        assert name in text
