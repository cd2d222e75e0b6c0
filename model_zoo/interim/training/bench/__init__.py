"""Measures networks: torch as it comes, torch at its best, and our kernels, in one run."""
