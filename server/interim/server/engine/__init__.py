"""The process that runs the model: control and compute threads, and the border the front sees."""
