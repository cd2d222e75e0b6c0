"""Masked convolution: the exact reference that every faster form is held against."""
