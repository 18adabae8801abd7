"""The ops of `handgrad.ops.pooling`, said in PyTorch."""

import torch.nn.functional as F


def max_pool2d(x, *, kernel, stride, padding=(0, 0)):
    return F.max_pool2d(x, kernel, stride, padding)


def average_pool2d(x, *, kernel, stride, padding=(0, 0), count_padding=True):
    return F.avg_pool2d(x, kernel, stride, padding, count_include_pad=count_padding)


def global_average_pool(x):
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


OPS = {
    "average_pool2d": average_pool2d,
    "global_average_pool": global_average_pool,
    "max_pool2d": max_pool2d,
}
