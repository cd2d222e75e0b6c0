"""Procedural street scenes with their labels, in CamVid's eleven classes."""
