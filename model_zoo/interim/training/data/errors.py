"""What is wrong with a data set."""

from __future__ import annotations


class DataError(ValueError):
    """A data set is not as it should be; the message names the file, the rule and the way out."""
