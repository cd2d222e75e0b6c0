"""Load for an Interim server: scenarios, an open-loop sender, and what became of every request."""
