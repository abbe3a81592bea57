"""How much the codes know: score.py and its estimators."""
