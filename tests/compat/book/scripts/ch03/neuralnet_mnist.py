# coding: utf-8
import sys, os
sys.path.append(os.pardir)  # as the book does
import numpy as np
import pickle
from dataset.mnist import load_mnist
from common.functions import sigmoid, softmax


def get_data():
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, flatten=True, one_hot_label=False)
    return x_test, t_test


def init_network():
    with open("sample_weight.pkl", 'rb') as f:
        network = pickle.load(f)
    return network


def predict(network, x):
    W1, W2 = network['W1'], network['W2']
    b1, b2 = network['b1'], network['b2']
    z1 = sigmoid(np.dot(x, W1) + b1)
    return softmax(np.dot(z1, W2) + b2)


x, t = get_data()
network = init_network()
accuracy_cnt = 0
for i in range(0, 1000):
    y = predict(network, x[i])
    p = np.argmax(y)
    if p == t[i]:
        accuracy_cnt += 1
print("one by one:" + str(float(accuracy_cnt) / 1000))

accuracy_cnt = 0
for i in range(0, len(x), 100):
    y_batch = predict(network, x[i:i+100])
    accuracy_cnt += np.sum(np.argmax(y_batch, axis=1) == t[i:i+100])
print("Accuracy:" + str(float(accuracy_cnt) / len(x)))
