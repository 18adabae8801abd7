"""Which stages a network becomes: one per layer, or one for several that belong together.

A convolution takes in the ReLU after it and a 2 × 2 max-pool beside that, in whichever order, and
before them, where a plan only predicts, the batch norm. A batch norm takes in both as well, an
affine layer a ReLU. On the way back, a stage with weights masks its dx for the ReLU before it.
What stands alone has a stage of its own, and a layer that no stage is written for is called as it
is; so is what a user makes from a known layer: he may have changed it.
"""

from collections.abc import Sequence
from typing import Any

from handgrad.layers import (
    Affine,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Identity,
    MaxPool2d,
    Relu,
    Rescale,
)
from handgrad.layers.base import Layer
from handgrad.plans.affine import AffineStage
from handgrad.plans.averages import AverageStage, GlobalAverageStage
from handgrad.plans.by_inputs import AffineByInputsStage
from handgrad.plans.convolution import ConvStage
from handgrad.plans.normalized import BatchNormStage
from handgrad.plans.plain import (
    DropoutStage,
    FlattenStage,
    LayerStage,
    MaxPoolStage,
    ReluStage,
    RescaleStage,
)
from handgrad.plans.rows import RowsStage, by_example
from handgrad.plans.stages import Context, Stage, pair
from handgrad.plans.weighted import WeightedStage
from handgrad.plans.winograd import WinogradStage


def make_stages(context: Context, layers: Sequence[Layer], *, training: bool) -> list[Stage]:
    """A stage for each layer, with the layers that it can take in as well."""
    stages: list[Stage] = []
    remaining = list(layers)
    while remaining:
        layer = remaining.pop(0)
        name = str(layer.name)
        if changes_nothing(layer) and (stages or remaining):
            continue
        if type(layer) is Affine:
            relu = follows(remaining, Relu)
            by_inputs = AffineByInputsStage.fits(context, layer, training=training)
            affine = AffineByInputsStage if by_inputs else AffineStage
            stage: Stage = affine(context, layer, name, relu=relu)
            del remaining[: int(relu)]
        elif type(layer) is Conv2d and layer.groups == 1:
            norm = None
            if not training and follows(remaining, BatchNorm):
                norm = remaining.pop(0)
            stage, taken = make_convolution(context, layer, name, remaining, training=training)
            stage.norm = norm
            del remaining[:taken]
        elif type(layer) is BatchNorm:
            relu, pool, taken = relu_and_pool(remaining)
            stage = BatchNormStage(context, layer, name, relu=relu, pool=pool, training=training)
            del remaining[:taken]
        else:
            stage = make_plain_stage(context, layer, name)
        share_mask(stage, stages)
        stages.append(stage)
    return stages


def make_convolution(
    context: Context, layer: Layer, name: str, remaining: Sequence[Layer], *, training: bool
) -> tuple[WeightedStage, int]:
    """The stage of a convolution, and how many of the layers after it it does as well."""
    kind = WinogradStage if WinogradStage.fits(context, layer, training=training) else ConvStage
    relu, pool, taken = relu_and_pool(remaining)
    if not relu:
        pool, taken = None, 0
    return kind(context, layer, name, relu=relu, pool=pool), taken


def relu_and_pool(layers: Sequence[Layer]) -> tuple[bool, Layer | None, int]:
    """Whether a ReLU and a 2 × 2 max-pool come next, in whichever order, and how many they are.

    Both keep the order of numbers, so either way the same number wins and is cut off at 0.
    """
    relu, pool, taken = False, None, 0
    for layer in layers[:2]:
        if type(layer) is Relu and not relu:
            relu = True
        elif is_halving(layer) and pool is None:
            pool = layer
        else:
            break
        taken += 1
    return relu, pool, taken


def changes_nothing(layer: Layer) -> bool:
    """Whether a layer leaves all numbers where they are: to flatten features does, images not."""
    return type(layer) is Identity or (type(layer) is Flatten and len(layer.input_shape) != 3)


def follows(layers: Sequence[Layer], kind: type[Layer]) -> bool:
    """Whether the next layer is of this kind."""
    return bool(layers) and type(layers[0]) is kind


def is_halving(layer: Layer) -> bool:
    """Whether a layer is a 2 × 2 max-pool without overlap or padding."""
    if type(layer) is not MaxPool2d or any(layer.placement.padding):
        return False
    options: Any = layer
    return pair(options.kernel) == pair(options.stride or options.kernel) == (2, 2)


def share_mask(stage: Stage, before: Sequence[Stage]) -> None:
    """Let a stage with weights mask its dx for the ReLU before it, if only a Flatten is between."""
    source = before[-1] if before else None
    if isinstance(source, FlattenStage):
        source = before[-2] if len(before) > 1 else None
    if isinstance(stage, WeightedStage) and source is not None and source.relu:
        stage.masks_dx = source.dy_masked = True


PLAIN_STAGES: dict[type[Layer], type[Stage]] = {
    GlobalAveragePool: GlobalAverageStage,
    Rescale: RescaleStage,
    Relu: ReluStage,
}


def make_plain_stage(context: Context, layer: Layer, name: str) -> Stage:
    """A stage for a layer without weights of its own to sum over."""
    kind = PLAIN_STAGES.get(type(layer), RowsStage if by_example(layer) else LayerStage)
    features = len(layer.input_shape) != 3
    if type(layer) is MaxPool2d and not any(layer.placement.padding):
        kind = MaxPoolStage
    elif type(layer) is AveragePool2d and not any(layer.placement.padding):
        kind = AverageStage
    elif type(layer) is Dropout and features:
        kind = DropoutStage
    elif type(layer) is Flatten and not features:
        kind = FlattenStage
    return kind(context, layer, name)
