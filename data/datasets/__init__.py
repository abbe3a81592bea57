"""Readers of the datasets, one file each."""
