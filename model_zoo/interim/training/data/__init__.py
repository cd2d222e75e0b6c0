"""Labelled images: folders on disk, samples in memory, crops and batches for training."""
