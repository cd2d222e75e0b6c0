"""What `interim` can do: one command a file, each with `add(commands)`."""
