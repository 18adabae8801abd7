"""The ops of `handgrad.ops.normalization`, said in PyTorch."""

import torch.nn.functional as F


def batch_norm(x, weight, bias, *, eps):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def batch_norm_inference(x, weight, bias, *, mean, var, eps):
    return F.batch_norm(x, mean, var, weight, bias, training=False, eps=eps)


def layer_norm(x, weight, bias, *, eps):
    return F.layer_norm(x, x.shape[1:], weight, bias, eps=eps)


OPS = {
    "batch_norm": batch_norm,
    "batch_norm_inference": batch_norm_inference,
    "layer_norm": layer_norm,
}
