"""The network on GPU kernels of our own, in Triton; only `kernels/` needs it."""
