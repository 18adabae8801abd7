import os
import sys
sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.trainer import Trainer
from common.util import shuffle_dataset, smooth_curve

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
x_train, t_train = shuffle_dataset(x_train[:300], t_train[:300])
network = MultiLayerNetExtend(input_size=784, hidden_size_list=[50, 50], output_size=10,
                              use_dropout=True, dropout_ration=0.2, use_batchnorm=True)
trainer = Trainer(network, x_train, t_train, x_test[:100], t_test[:100],
                  epochs=5, mini_batch_size=100,
                  optimizer='sgd', optimizer_param={'lr': 0.1}, verbose=True)
trainer.train()
print(len(trainer.train_loss_list), len(smooth_curve(np.array(trainer.train_loss_list))))
print(len(trainer.train_acc_list), trainer.train_acc_list[-1] > 0.5)
