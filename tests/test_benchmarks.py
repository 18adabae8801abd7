"""benchmarks/: every program runs (in seconds, without PyTorch), and its sides agree."""

import doctest
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import processes
from handgrad.data import mnist
from side_by_side import driver, report, works
from side_by_side.driver import (
    Missing,
    Terms,
    Times,
    Worker,
    check_agreement,
    fastest,
    plain,
    ratio,
)
from side_by_side.recipes import RECIPES, Recipe, write_recipe
from side_by_side.side import STATUS, Side, UnsupportedError, shifted
from side_by_side.worker import start
from side_by_side.works import WORKS, Work, digits_to_measure, flops, quick, write

ROOT = Path(__file__).parent.parent
MODES = ("eager", "channels_last", "fused")


def run(
    program: str, out: Path, *options: str, writes: str | None = None
) -> tuple[str, dict[str, Any]]:
    """Run a benchmark quickly, PyTorch left out; its table and its values."""
    environment = {k: v for k, v in os.environ.items() if k != "HANDGRAD_TORCH_PYTHON"}
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / f"{program}.py", "--quick", "--out", out, *options],
        env=environment | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    name = writes or program
    text = (out / f"{name}.txt").read_text(encoding="utf-8")
    assert text in done.stdout
    assert "it shows that it works, not how fast" in text
    return text, json.loads((out / f"{name}.json").read_text(encoding="utf-8"))


def check_sides(sides: dict[str, Any]) -> None:
    """Handgrad was measured; PyTorch was, or a sentence says why not."""
    assert sides["handgrad"]["ratio"] == 1
    assert 0 < sides["handgrad"]["p10"] <= 10 * sides["handgrad"]["median"]
    assert "missing" in sides["pytorch"] or sides["pytorch"]["ratio"] > 0


# -- the programs -------------------------------------------------------------------------------


def test_steps(tmp_path: Path) -> None:
    text, values = run("steps", tmp_path, "--threads", "1", "--sides", "handgrad")
    assert [each["name"] for each in values["works"]] == [work.name for work in WORKS]
    for each in values["works"]:
        assert each["title"] in text
        assert each["sides"]["handgrad"]["median"] > 0
    assert values["machine"]["threads"] == 1
    assert values["machine"]["versions"]["numpy"] == np.__version__
    assert (tmp_path / "steps.png").stat().st_size > 10_000


def test_the_reference_is_measured_as_the_reference(tmp_path: Path) -> None:
    options = ("--only", "two-two-one", "--sides", "handgrad", "reference")
    _, values = run("steps", tmp_path, *options)
    sides = values["works"][0]["sides"]
    assert sides["reference"]["versions"]["backend"].startswith("reference")


def test_epoch(tmp_path: Path) -> None:
    text, values = run("epoch", tmp_path, "--sides", "handgrad", "pytorch")
    assert "SimpleConvNet" in text
    for result in values["works"].values():
        check_sides(result["sides"])


def test_growth(tmp_path: Path) -> None:
    text, values = run("growth", tmp_path, "--sides", "handgrad")
    assert "batch size 4" in text
    for curve in values["curves"].values():
        assert all(sides["handgrad"]["median"] > 0 for sides in curve.values())
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_speedrun(tmp_path: Path) -> None:
    options = ("--held-out", "--only", "99.0", "--sides", "handgrad")
    text, values = run("speedrun", tmp_path, *options)
    assert "5,000 held-out training images" in text
    own = values["recipes"]["99.0"]["sides"]["handgrad"]
    assert own["seconds"] > 0
    assert own["reached"] == 0
    assert values["recipes"]["99.0"]["compile_seconds"] >= 0


def test_memory(tmp_path: Path) -> None:
    text, values = run("memory", tmp_path, "--sides", "handgrad", "reference")
    assert "DeepConvNet" in text
    for result in values["works"].values():
        for side in result["sides"].values():
            assert "missing" in side or 0 <= side["peak"] < 1e9


def test_profile(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    text, values = run("profiles", tmp_path, writes="profile")
    assert [work["title"] in text for work in values["works"].values()] == [True, True]
    for work in values["works"].values():
        parts = work["parts"]
        assert all(0 <= part["minimum"] <= part["median"] for part in parts)
        assert sum(part["minimum"] for part in parts) <= work["minimum"]
        kinds = {part["kind"] for part in parts if part["limit"]}
        assert kinds >= {"load", "forward", "dx", "dweight", "dbias", "gather"}
    assert (tmp_path / "roofline.png").stat().st_size > 10_000


def test_kernels(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    text, values = run("kernels", tmp_path, "--only", "3 × 3, 32 → 64 at 8 × 8")
    assert "32 → 64 at 8 × 8" in text
    (found,) = values["convolutions"].values()
    assert list(found) == ["forward", "dx", "dweight"]
    for ways in found.values():
        assert ways["direct"]["gain"] == 1
        assert ways["Winograd"]["median"] > 0
        assert 0 < ways["Winograd"]["error"] < 1e-4


def test_twins(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    text, values = run("twins", tmp_path)
    lines = {**values["convolutions"], **values["others"], **values["steps"]}
    assert {"adam 784×100, step", "relu 100×16×28×28, backward", "deep_conv_net"} <= set(lines)
    assert values["convolutions"]["64×8×8, 64 filters 3×3, backward"]["gain"] > 0
    measured = [times for times in lines.values() if times]
    assert len(measured) > 50  # small convolutions are left to the reference
    assert all(times["twin"] > 0 and times["error"] < 1e-2 for times in measured)
    assert all(title in text for title in lines)


def test_handgrad_must_be_among_the_sides(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="--sides must have handgrad"):
        run("steps", tmp_path, "--sides", "pytorch")


# -- the sides ----------------------------------------------------------------------------------


def first(way: str, folder: Path) -> list[float]:
    """What is compared of a side before it is measured."""
    side = start(way, str(folder))
    return side.outputs() if side.task["infer"] else side.losses(3)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_pytorch_computes_what_handgrad_does(work: Work, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write(quick(work), tmp_path, threads=1)
    for mode in MODES:
        try:
            peer = first(f"torch {mode}", tmp_path)
        except UnsupportedError:
            continue
        check_agreement({"handgrad": first("handgrad", tmp_path), mode: peer})


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_pytorch_trains_by_the_same_recipe(recipe: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    few = replace(recipe, epochs=1, batch=20)
    write_recipe(few, tmp_path, seed=1, limit=60, held_out=True, threads=1)
    check_agreement({way: first(way, tmp_path) for way in ("handgrad", "torch eager")})
    assert 0 <= start("torch eager", str(tmp_path)).train() <= 1


@pytest.mark.parametrize("name", ["mlp-sgd", "mlp-adam", "wide-sgd", "logistic"])
def test_scikit_learn_computes_what_handgrad_does(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    work = next(each for each in WORKS if each.name == name)
    write(quick(work), tmp_path, threads=1)
    check_agreement({way: first(way, tmp_path) for way in ("handgrad", "sklearn")})
    assert len(start("sklearn", str(tmp_path)).chunk(0.0, 2)) == 1


@pytest.mark.skipif(os.name != "posix", reason="the pretended Python is a shell script")
def test_a_peer_that_is_not_there_is_missing_with_its_reason(tmp_path: Path) -> None:
    write(quick(WORKS[0]), tmp_path, threads=1)
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    terms = Terms(rounds=1, seconds=0.0, threads=1, torch_python=str(program))
    worker = Worker(("torch eager", {}), tmp_path, terms)
    with pytest.raises(Missing, match="the process ended"):
        worker.read("ready")
    worker.close()


def test_a_failure_of_handgrad_is_an_error(tmp_path: Path) -> None:
    worker = Worker(("handgrad", {}), tmp_path, Terms(rounds=1, seconds=0.0, threads=1))
    with pytest.raises(RuntimeError, match=r"handgrad: FileNotFoundError.*task\.json"):
        worker.read("ready")
    worker.close()


class Fake(Side):
    """A side whose every epoch takes the seconds that it is told."""

    def __init__(self, seconds: float) -> None:
        self.step_seconds = None
        self.seconds = seconds
        self.calls: list[int] = []

    def epochs(self, count: int, steps: int) -> list[float]:
        self.calls.append(count)
        return [9.0, *[self.seconds] * (count - 1)] if count > 1 else [self.seconds]


def test_a_chunk_lasts_as_long_as_asked_and_drops_its_first_epoch() -> None:
    side = Fake(0.1)
    assert side.chunk(0.5, 10) == pytest.approx([0.01])
    assert side.chunk(0.5, 10) == pytest.approx([0.01] * 5)
    assert side.calls == [1, 6]


def test_a_long_epoch_is_run_once() -> None:
    side = Fake(30.0)
    assert side.chunk(0.5, 600) == side.chunk(0.5, 600) == [0.05]
    assert side.calls == [1, 1]


MB = 1_000_000


class Hungry(Side):
    """A side that takes much to make its network of 2 MB ready, and then 8 MB to train it."""

    def __init__(self) -> None:
        self.task = {"batch": 100}

    def fresh(self) -> np.ndarray[Any, Any]:
        return np.ones(40 * MB, np.uint8)[: 2 * MB].copy()

    def own_bytes(self, network: np.ndarray[Any, Any]) -> int:
        return network.nbytes

    def run(self, network: np.ndarray[Any, Any], count: int, steps: int) -> list[float]:
        assert self.task["batch"] in {32, 100}
        return np.ones(8 * MB, np.uint8)[:count].tolist()


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell a process's peak memory")
def test_memory_is_that_of_the_network_and_of_training_it_not_of_making_it_ready() -> None:
    """In a process of its own: this one's heap has room that others left."""
    code = "from test_benchmarks import Hungry; print(Hungry().memory(5)['peak'])"
    peak = processes.run(f"import sys; sys.path.append({str(ROOT / 'benchmarks')!r}); {code}")
    assert int(peak) == pytest.approx(10 * MB, abs=MB)


# -- the numbers --------------------------------------------------------------------------------


def times(*chunks: list[float]) -> Times:
    return Times(chunks=list(chunks))


def test_a_ratio_compares_within_a_round() -> None:
    own = times([1.0, 1.0], [10.0, 10.0], [1.0, 3.0])
    peer = times([2.0], [20.0], [6.0])
    assert ratio(peer, own) == 2
    assert peer.median == 6
    assert own.p10 == 1


def test_the_fastest_way_counts() -> None:
    slow, fast, none = times([2.0]), times([1.0]), Times(missing="not there")
    assert fastest([slow, none, fast]) is fast
    assert fastest([none]) is none
    assert plain({"handgrad": fast, "pytorch": none})["pytorch"] == {"missing": "not there"}


def test_other_losses_are_refused() -> None:
    check_agreement({"handgrad": [2.0, 1.0], "torch": [2.0001, 1.0]})
    with pytest.raises(SystemExit, match="torch does not compute what handgrad does"):
        check_agreement({"handgrad": [2.0, 1.0], "torch": [2.0, 1.01]})


def test_flops_count_forward_once_and_backward_twice_but_for_the_first_layer() -> None:
    forward = 2 * (784 * 100 + 100 * 10)
    small = next(work for work in WORKS if work.name == "mlp-sgd")
    bare = flops(small) // small.batch - 3 * 100  # ReLU's comparisons
    assert bare == pytest.approx(3 * forward - 2 * 784 * 100, rel=0.01)
    assert flops(replace(small, infer=True)) == pytest.approx(small.batch * forward, rel=0.01)


def test_shifted_images_move_by_at_most_a_pixel() -> None:
    x = np.zeros((50, 1, 5, 6), np.uint8)
    x[:, 0, 2, 3] = 7
    moved = shifted(x, np.random.default_rng(0))
    assert moved.shape == x.shape
    assert moved.dtype == x.dtype
    n, _, rows, columns = np.nonzero(moved)
    assert np.array_equal(n, np.arange(50))
    assert {*rows} == {1, 2, 3}
    assert {*columns} == {2, 3, 4}
    assert not moved[moved != 7].any()


def test_recipes_are_chosen_without_the_test_images() -> None:
    train, measured = digits_to_measure(None, held_out=True)
    whole, test = mnist()
    assert (len(train.x), len(measured.x)) == (55_000, 5_000)
    together = np.concatenate([train.x, measured.x]).reshape(60_000, -1)
    assert together.sum(dtype=np.int64) == whole.x.sum(dtype=np.int64)
    assert digits_to_measure(None, held_out=False)[1].x.shape == test.x.shape


def test_examples_in_the_programs() -> None:
    for module in (driver, report, works):
        assert doctest.testmod(module).failed == 0


def test_the_page_shows_what_the_programs_wrote() -> None:
    page = (ROOT / "docs" / "guide" / "performance.md").read_text(encoding="utf-8")
    for name in ("steps", "epoch", "growth", "speedrun", "profile", "kernels", "twins"):
        assert f"../../benchmarks/results/{name}.txt" in page
        assert (ROOT / "benchmarks" / "results" / f"{name}.txt").is_file()
