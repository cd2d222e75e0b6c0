"""Training of the model zoo: data sets, losses, recipes, evaluation, and the command `interim-zoo`."""
