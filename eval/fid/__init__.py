"""Frechet and kernel Inception distance: score.py, and reference.py once a dataset."""
