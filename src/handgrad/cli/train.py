"""`handgrad train mnist`: from the options to a run folder with everything in it."""

import shlex
import sys
import time
from datetime import UTC, datetime
from typing import IO, Any

from handgrad.cli.environment import environment
from handgrad.cli.folder import CONFIG, HISTORY, METRICS, RunFolder
from handgrad.cli.guard import complain
from handgrad.cli.pictures import PICTURES, draw_pictures
from handgrad.cli.recipe import Choices, Plan, load_images, plan_training
from handgrad.cli.results import Results, fit_images, measure
from handgrad.cli.signals import SIGNALS, Ended
from handgrad.cli.text import percent, say, say_json
from handgrad.threads import limited
from handgrad.training import BestSoFar, Callback, Trainer
from handgrad.training.progress import Progress
from handgrad.training.progress_views import clock

CONTENTS = {
    "network.safetensors": "weights, architecture and preprocessing",
    CONFIG: "every option, versions, machine",
    HISTORY: "loss and accuracy of each epoch",
    METRICS: "results on the test images",
    **PICTURES,
}


def run_training(choices: Choices, *, quiet: bool, json: bool) -> int:
    """Train, keep everything in a new folder, and print where it is."""
    plan = plan_training(choices)
    with limited(choices.threads, deterministic=choices.deterministic):
        return carry_out(plan, quiet=quiet, json=json)


def carry_out(plan: Plan, *, quiet: bool, json: bool) -> int:
    """Do what was planned."""
    choices = plan.choices
    folder = RunFolder(choices.out, f"mnist-{choices.model}")
    run = TrainingRun(plan, folder, quiet=quiet, json=json)
    try:
        run.write_config()
        trainer = run.train()
        results = run.test()
        run.tell_result(results)
        draw_pictures(folder.path, trainer.network, trainer.history, run.test_set, results)
    except (Ended, BrokenPipeError) as stop:
        run.tell_stopped(stop)
        raise
    except Exception as error:
        if not folder.discard():
            error.add_note(run.kept())
        raise
    run.tell_done(results)
    return 0


class TrainingRun:
    """One run: a plan, a folder, and what has been reached so far."""

    def __init__(self, plan: Plan, folder: RunFolder, *, quiet: bool, json: bool) -> None:
        self.plan = plan
        self.folder = folder
        self.quiet = quiet
        self.json = json
        self.stream: IO[str] = sys.stderr if json else sys.stdout  # an answer stays alone on stdout
        self.best = BestSoFar("validation_accuracy")
        self.trainer: Trainer | None = None
        self.test_set: Any = None
        self.started = time.perf_counter()

    # -- the steps --------------------------------------------------------------------------

    def write_config(self) -> None:
        """Write down what will be done; this also shows that the folder can be written."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        about: dict[str, Any] = {**self.plan.config(), **environment(), "started": started}
        self.folder.write_json(CONFIG, about)
        if not self.quiet:
            threads = about["machine"]["threads"]
            numpy = about["versions"]["numpy"]
            for line in self.plan.lines():
                say(line, stream=self.stream)
            say(f"  {threads} BLAS thread{'s' * (threads != 1)}, NumPy {numpy}", stream=self.stream)
            say(f"  {about['backend']}", stream=self.stream)
            say(
                f"  saved in {self.folder.path}; Ctrl-C ends it and keeps the best network",
                stream=self.stream,
            )
            say(stream=self.stream)

    def train(self) -> Trainer:
        """Load the images and train; the best network so far is always in the folder."""
        plan = self.plan
        train, validation, self.test_set = load_images(plan)
        trainer = plan.trainer()
        callbacks: list[Callback] = [SafePlaces(), self.best, SaveRun(self.folder, self.best)]
        if not self.quiet:
            callbacks.append(Progress(stream=self.stream if self.json else None, examples="images"))
        self.trainer = trainer
        with SIGNALS.deferred():
            trainer.fit(
                fit_images(plan.network, train.x),
                train.labels,
                epochs=plan.epochs,
                batch_size=plan.batch_size,
                validation_data=(fit_images(plan.network, validation.x), validation.labels),
                callbacks=callbacks,
            )
        return trainer

    def test(self) -> Results:
        """Look at the test images: once, now that every choice is made."""
        results = measure(self.plan.network, self.test_set.x, self.test_set.labels)
        self.folder.write_json(
            METRICS,
            {
                "best_epoch": self.best.best_epoch,
                "validation_accuracy": self.best.best,
                "seconds": round(time.perf_counter() - self.started, 3),
                "test": results.values(),
            },
        )
        return results

    # -- what is said -----------------------------------------------------------------------

    def tell_result(self, results: Results) -> None:
        """Print the result as soon as it is there: the pictures take a moment, and may fail."""
        if self.json:
            return
        if not self.quiet:
            say()
        say(f"{results.headline()}, epoch {self.best.best_epoch} of {self.plan.epochs}", "bold")

    def tell_done(self, results: Results) -> None:
        """Print what was saved, and what can be done with it; or all of it as JSON."""
        path, seconds = self.folder.path, time.perf_counter() - self.started
        if self.json:
            say_json(
                {
                    "run": str(path),
                    "test_accuracy": results.accuracy,
                    "test_loss": results.loss,
                    "validation_accuracy": self.best.best,
                    "best_epoch": self.best.best_epoch,
                    "epochs": self.plan.epochs,
                    "seconds": round(seconds, 3),
                    "files": sorted(file.name for file in path.iterdir()),
                }
            )
            return
        say(f"Done in {clock(seconds)}. Saved in {path}" + (":" if not self.quiet else ""))
        if self.quiet:
            return
        for name, what in CONTENTS.items():
            say(f"  {name:<22}{what}")
        say("Next:")
        say(f"  {command('evaluate', path)}")
        say(f"  {command('predict', path, 'IMAGE.png')}")
        say(f"  {command('summary', path)}")

    def kept(self) -> str:
        """Which network the folder holds after an early end."""
        return (
            f"The best network so far (epoch {self.best.best_epoch}, "
            f"validation accuracy {percent(self.best.best)}) is kept in {self.folder.path}."
        )

    def tell_stopped(self, stop: Ended | BrokenPipeError) -> None:
        """Keep what there is, and say how to use it."""
        cause = f"stopped by {stop.cause}" if isinstance(stop, Ended) else "output closed"
        if isinstance(stop, Ended):
            stop.told = True
        if self.best.best_epoch == 0 and self.trainer is not None and self.trainer.running.rows:
            self.plan.network.save(self.folder.network)
            kept = f"No epoch was finished; the network as it is now is kept in {self.folder.path}."
        elif self.folder.discard():
            complain(f"{cause} before training began; nothing was saved.")
            return
        else:
            kept = self.kept()
        complain(f"{cause} {self.where()}. {kept}")
        complain(f"use it: {command('evaluate', self.folder.path)}")

    def where(self) -> str:
        """How far the run has come."""
        epoch = 1 + (len(self.trainer.history) if self.trainer is not None else 0)
        if epoch > self.plan.epochs:
            return "after training (results or pictures are not complete)"
        return f"in epoch {epoch} of {self.plan.epochs}"


class SaveRun(Callback):
    """Write the history after each epoch, and the network whenever it is the best so far."""

    def __init__(self, folder: RunFolder, best: BestSoFar) -> None:
        self.folder = folder
        self.best = best  # must stand before this one among the callbacks

    def on_epoch(self, trainer: Trainer) -> None:
        if self.best.best_epoch == trainer.position.epoch:
            trainer.network.save(self.folder.network)
        trainer.history.save(self.folder.path / HISTORY)


class SafePlaces(Callback):
    """Where a signal may end the training: after a step, and at any time while validating.

    Must stand first among the callbacks: what the others do after an epoch is not cut in two.
    """

    def on_step(self, trainer: Trainer) -> None:
        SIGNALS.check()
        SIGNALS.waiting = trainer.position.step < trainer.position.steps_per_epoch

    def on_epoch(self, trainer: Trainer) -> None:
        SIGNALS.waiting = True


def command(name: str, *words: object) -> str:
    """A command line that can be copied."""
    return shlex.join(["handgrad", name, *map(str, words)])
