"""Judges the statements of the paper: claims.yaml, the rule, its statistics."""
