"""Runs as pictures: one self-contained HTML page, drawn here, without scripts and without the network."""
