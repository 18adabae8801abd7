from layer_naive import *

apple, apple_num, tax = 100, 2, 1.1
mul_apple_layer = MulLayer()
mul_tax_layer = MulLayer()
price = mul_tax_layer.forward(mul_apple_layer.forward(apple, apple_num), tax)
dapple_price, dtax = mul_tax_layer.backward(1)
dapple, dapple_num = mul_apple_layer.backward(dapple_price)
print("price:", int(price))
print(dapple, int(dapple_num), dtax)
