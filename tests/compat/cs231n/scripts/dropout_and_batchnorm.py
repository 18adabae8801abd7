# coding: utf-8

# # A notebook in the course's style, exported by jupyter nbconvert

# In[1]:

from __future__ import print_function

from google.colab import drive
drive.mount('/content/drive')

import time
import numpy as np
import matplotlib.pyplot as plt
from past.builtins import xrange
from cs231n.classifiers.fc_net import *
from cs231n.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from cs231n.layers import *
from cs231n.solver import Solver
from cs231n.mine import triple

get_ipython().run_line_magic('matplotlib', 'inline')
plt.rcParams['figure.figsize'] = (10.0, 8.0) # set default size of plots
plt.rcParams['image.interpolation'] = 'nearest'

get_ipython().magic(u'load_ext autoreload')
get_ipython().magic(u'autoreload 2')

def rel_error(x, y):
  """ returns relative error """
  return np.max(np.abs(x - y) / (np.maximum(1e-8, np.abs(x) + np.abs(y))))

print('three times two:', triple(2))

# In[2]:

np.random.seed(231)
x = np.random.randn(10, 10) + 10
dout = np.random.randn(*x.shape)
dropout_param = {'mode': 'train', 'p': 0.2, 'seed': 123}
out, cache = dropout_forward(x, dropout_param)
dx = dropout_backward(dout, cache)
dx_num = eval_numerical_gradient_array(lambda xx: dropout_forward(xx, dropout_param)[0], x, dout)
print('dx relative error small:', rel_error(dx, dx_num) < 1e-9)

# In[3]:

N, D = 4, 5
x = 5 * np.random.randn(N, D) + 12
gamma = np.random.randn(D)
beta = np.random.randn(D)
dout = np.random.randn(N, D)
bn_param = {'mode': 'train'}
# As in the course of 2016: f ignores its argument, and relies on the array that is changed.
fg = lambda a: batchnorm_forward(x, gamma, beta, bn_param)[0]
_, cache = batchnorm_forward(x, gamma, beta, bn_param)
dx, dgamma, dbeta = batchnorm_backward(dout, cache)
dg_num = eval_numerical_gradient_array(fg, gamma, dout)
print('dgamma error small:', rel_error(dg_num, dgamma) < 1e-8)

# In[4]:

data = {
  'X_train': np.random.randn(60, 2, 3), 'y_train': np.random.randint(3, size=60),
  'X_val': np.random.randn(20, 2, 3), 'y_val': np.random.randint(3, size=20),
}
solvers = {}
for dropout in [1, 0.5]:
  model = FullyConnectedNet([8, 8], 6, 3, dropout_keep_ratio=dropout, normalization='batchnorm')
  solver = Solver(model, data, num_epochs=2, batch_size=20, update_rule='adam',
                  optim_config={'learning_rate': 5e-3}, verbose=True, print_every=100)
  solver.train()
  solvers[dropout] = solver

# In[5]:

plt.subplot(2, 1, 1)
for i in xrange(2):
  plt.plot(solvers[[1, 0.5][i]].train_acc_history, 'o', label='%.2f keep_ratio' % [1, 0.5][i])
plt.xlabel('Epoch')
plt.legend(ncol=2, loc='lower right')
plt.gcf().set_size_inches(5, 5)
plt.show()
