"""Which exits to deploy: chosen after training, from predictions that are made once (MESS, section 5)."""
