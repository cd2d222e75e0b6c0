"""Which version runs."""

import importlib.metadata


def version() -> str:
    """The version of the installed package."""
    try:
        return importlib.metadata.version("interim")
    except importlib.metadata.PackageNotFoundError:
        return "0 (not installed)"
