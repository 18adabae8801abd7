"""The package `dataset` of the book: MNIST."""
