"""`google`, which has `google.colab` on Colab."""
