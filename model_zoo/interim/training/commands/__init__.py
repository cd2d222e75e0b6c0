"""The commands of `interim-zoo`, one a file."""
