"""Hyper-parameters by random search, judged on a validation split.

Learning rate and weight decay are not learned by gradients. To choose them, hold out a part of the
training data, draw values at random, train, and look at the held-out part:

    1  draw:    η = 10^u, u uniform in (−6, −2)        λ = 10^v, v uniform in (−8, −4)
    2  train with them, measure the validation accuracy
    3  repeat 1 and 2; look at where the best ones lie, and narrow the ranges

Drawing the exponent gives every power of ten the same chance; drawing η itself would put nine of
ten values above 0.001. Test data must not judge: whatever was chosen by it looks better on it than
it is. It is looked at once, with what was chosen.

What to look at: the best trials of the first round lie at the upper end of the learning rate's
range, whatever their weight decay. So the second round moves η up, and finds much better ones; λ
does not matter here. A grid of 10 × 10 values would have tried ten learning rates; a hundred random
trials try a hundred. The curves are those of the second round, validation solid, training dashed.
And look at the test accuracy: it is lower than the validation accuracy of the trial that won.
The best of a hundred, on a hundred images, was also the luckiest.

Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13, 2012.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from handgrad.examples._training import Digits, deep_network, digits
from handgrad.examples.drawing import BLUE, DARK, GREY, ORANGE, label, panels
from handgrad.examples.stage import Stage
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import SGD
from handgrad.regularizers import L2
from handgrad.training import (
    History,
    LogUniform,
    SearchResult,
    Trainer,
    Trial,
    random_search,
)

SECTION = "003, chapter 6"
PLACE = 6

ROUNDS = {  # the book's ranges, and what one makes of them after having looked
    "first": {"learning_rate": LogUniform(1e-6, 1e-2), "weight_decay": LogUniform(1e-8, 1e-4)},
    "second": {"learning_rate": LogUniform(1e-3, 1.0), "weight_decay": LogUniform(1e-8, 1e-1)},
}


def make_trainer(trial: Trial) -> Trainer:
    """A new network, and the trial's way to train it."""
    return Trainer(
        deep_network(layers=6, seed=trial.seed),
        SoftmaxCrossEntropy(),
        SGD(trial.options["learning_rate"]),
        penalty=L2(trial.options["weight_decay"]),
        seed=trial.seed,
    )


def train(trial: Trial, data: Digits, epochs: int) -> History:
    """One trial: 400 images to train on, 100 to validate."""
    return make_trainer(trial).fit(
        *data.train,
        epochs=epochs,
        batch_size=100,
        validation_data=data.held_out,
        callbacks=trial.callbacks,
    )


def run(stage: Stage) -> None:
    """Search twice; draw the best trials and where all of them lie."""
    data = digits(400, 100, stage.pick(quick=500, full=None), seed=stage.seed)
    epochs = stage.pick(quick=8, full=50)
    trials = stage.pick(quick=6, full=100)
    results: dict[str, SearchResult] = {}
    for name, space in ROUNDS.items():
        results[name] = random_search(
            lambda trial: train(trial, data, epochs), space, trials=trials, seed=stage.seed
        )
        stage.say(f"The best of {trials} trials of {epochs} epochs on 400 images, {name} round:")
        say_best(stage, results[name])
    found = results["second"]
    best = make_trainer(found.best.trial)
    best.fit(*data.train, epochs=epochs, batch_size=100)
    accuracy = best.evaluate(*data.test)["accuracy"]
    stage.say(f"The second round's best, trained again, on the test images: {100 * accuracy:.1f} %")
    draw_best(stage, found, stage.pick(quick=6, full=20))
    draw_all(stage, results)


def say_best(stage: Stage, result: SearchResult) -> None:
    """The first five, as a table."""
    rows: list[list[str]] = []
    for place, each in enumerate(result.results[:5], start=1):
        options = [f"{value:.2g}" for value in each.trial.options.values()]
        rows.append([f"{place}", f"{100 * each.score:.0f} %", *options])
    stage.table(["", "validation", *result.best.trial.options], rows)
    stage.say()


def draw_best(stage: Stage, result: SearchResult, count: int) -> None:
    """The curves of the best trials, the best first."""
    columns = stage.pick(quick=3, full=5)
    figure, each = panels(-(-count // columns), columns, width=2.2, height=1.9)
    for place, axes in enumerate(each):
        best = result.results[place]
        ticks = range(1, len(best.history) + 1)
        axes.plot(ticks, best.history["validation_accuracy"], color=ORANGE, lw=1.6)
        axes.plot(ticks, best.history["accuracy"], color=BLUE, ls="--", lw=1.3)
        label(axes, f"{place + 1}: η = {best.trial.options['learning_rate']:.2g}")
        axes.title.set_fontsize(9)
        axes.set_ylim(0, 1.03)
        axes.label_outer()
    each[0].legend(["validation", "training"], frameon=False, fontsize=8, labelcolor=DARK)
    figure.supxlabel("epoch", color=DARK)
    figure.supylabel("accuracy", color=DARK)
    stage.save(figure, "best")


def draw_all(stage: Stage, results: dict[str, SearchResult]) -> None:
    """Every trial as a point: each option against the score."""
    figure, each = panels(1, 2, width=4.6, height=3.6)
    titles = {"learning_rate": "Learning rate", "weight_decay": "Weight decay"}
    for axes, (name, title) in zip(each, titles.items(), strict=True):
        for (which, result), colour, marker in zip(
            results.items(), (BLUE, ORANGE), ("o", "^"), strict=True
        ):
            finished = [one for one in result.results if not one.note]
            values = [one.trial.options[name] for one in finished]
            scores = [one.score for one in finished]
            text = f"{which} round"
            axes.plot(values, scores, marker, color=colour, mec="white", mew=0.5, ms=6, label=text)
        axes.axhline(0.1, color=GREY, lw=1, ls="--")
        axes.set_xscale("log")
        label(axes, title, x=title.lower(), y="validation accuracy")
        axes.set_ylim(0, 1.03)
    each[0].legend(frameon=False, fontsize=9, labelcolor=DARK, loc="upper left")
    stage.save(figure, "all")
