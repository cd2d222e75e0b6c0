"""The network in kernels of our own: plain C, compiled on the machine that runs it."""
