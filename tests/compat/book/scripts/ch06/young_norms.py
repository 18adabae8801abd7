import os
import sys
sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.optimizer import SGD

(x_train, t_train), _ = load_mnist(normalize=True)
x_train, t_train = x_train[:500], t_train[:500]
rule = SGD(lr=0.02)
for use_batchnorm in (True, False):  # with weights so small that nothing is learned without it
    network = MultiLayerNetExtend(784, [60, 60, 60], 10, weight_init_std=1e-4, use_batchnorm=use_batchnorm)
    for i in range(20):
        rows = np.random.choice(len(x_train), 100)
        rule.update(network.params, network.gradient(x_train[rows], t_train[rows]))
    print(use_batchnorm, network.accuracy(x_train, t_train))
