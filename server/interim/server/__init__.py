"""Interim's server: a front that owns requests and deadlines, and an engine process that owns work."""
