# Run some setup code, as a notebook of 2016 has it
import random
import numpy as np
from cs231n.classifiers import LinearSVM
from cs231n.classifiers.linear_svm import svm_loss_naive
from cs231n.gradient_check import grad_check_sparse
%matplotlib inline

np.random.seed(0)
X, y = np.random.randn(50, 4), np.random.randint(3, size=50)
W = np.random.randn(4, 3) * 0.0001
loss, grad = svm_loss_naive(W, X, y, 0.00001)
print 'loss: %f' % (loss, )
f = lambda w: svm_loss_naive(w, X, y, 0.0)[0]
grad_check_sparse(f, W, grad, 3)

results = {}
for lr in [1e-7, 5e-5]:
    svm = LinearSVM()
    svm.train(X, y, learning_rate=lr, reg=1.0, num_iters=5)
    results[lr] = np.mean(svm.predict(X) == y)
for lr in sorted(results):
    print 'lr %e accuracy at least: %d' % (
                lr, results[lr])
print
for i in xrange(1):
    print 'penalty', svm_loss_naive(np.ones((1, 2)), np.zeros((1, 1)), np.array([0]), 1.0)[0]
