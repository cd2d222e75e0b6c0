"""Networks, one package each."""
