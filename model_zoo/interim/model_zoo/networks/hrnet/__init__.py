"""HRNet (Wang et al. 2019), with early exits and confidence adaptivity (ADP-C)."""
