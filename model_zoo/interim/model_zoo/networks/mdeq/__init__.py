"""A multiscale deep equilibrium network (MDEQ), answered iteration by iteration."""
