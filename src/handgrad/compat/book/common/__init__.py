"""The package `common` of the book: functions, layers, gradients, optimizers, networks."""
