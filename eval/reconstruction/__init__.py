"""Reconstruction error of test images: score.py."""
