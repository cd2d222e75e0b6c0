"""Which request runs next, who may come in, and until when: pure values and functions, no I/O, no clock.

Standard library only. Everything takes `now_s` (absolute `time.monotonic()` seconds, or virtual ones) and
gives decisions back, so that the server and the simulator drive the very same code.
"""
