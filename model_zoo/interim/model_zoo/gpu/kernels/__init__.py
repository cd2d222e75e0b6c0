"""The kernels. Importing one needs Triton; TRITON_INTERPRET=1, set before, runs them without a GPU.

Maps lie in memory as (images, height + 2, width + 2, channels): a border of zeros, channels a multiple of 8.
A *position* is an index among the images' positions, borders counted. Kernels write the positions that they
are given and nothing else. Their grids fit the longest list there can be; how long it is, they read on the
device, and programs beyond the end return at once. So nothing waits for the host.
"""
