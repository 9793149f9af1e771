"""Ratios to peers and plain Keras, all measured in one run: `python -m benchmarks NAME`."""
