"""Budget policies as people write them: the tables of the config file, and a function of their own."""
