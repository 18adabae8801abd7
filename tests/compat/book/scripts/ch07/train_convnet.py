import sys, os
sys.path.append(os.pardir)
import matplotlib.pyplot as plt
from dataset.mnist import load_mnist
from simple_convnet import SimpleConvNet
from common.trainer import Trainer

(x_train, t_train), (x_test, t_test) = load_mnist(flatten=False)
x_train, t_train = x_train[:500], t_train[:500]
x_test, t_test = x_test[:150], t_test[:150]
network = SimpleConvNet(input_dim=(1, 28, 28),
                        conv_param={'filter_num': 8, 'filter_size': 5, 'pad': 0, 'stride': 1},
                        hidden_size=20, output_size=10, weight_init_std=0.05)
trainer = Trainer(network, x_train, t_train, x_test, t_test, epochs=2, mini_batch_size=50,
                  optimizer='Adam', optimizer_param={'lr': 0.005},
                  evaluate_sample_num_per_epoch=100, verbose=False)
trainer.train()
network.save_params("params.pkl")
again = SimpleConvNet(conv_param={'filter_num': 8, 'filter_size': 5, 'pad': 0, 'stride': 1},
                      hidden_size=20)
again.load_params("params.pkl")
print(network.accuracy(x_test, t_test) == again.accuracy(x_test, t_test) > 0.3)
nx = 8
fig = plt.figure()
for i in range(nx):
    ax = fig.add_subplot(1, nx, i + 1, xticks=[], yticks=[])
    ax.imshow(network.params['W1'][i, 0], cmap=plt.cm.gray_r, interpolation='nearest')
plt.show()
