"""Negative log-likelihood of test images: score.py and its estimators."""
