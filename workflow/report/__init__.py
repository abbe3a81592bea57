"""Reads the scores, writes tables and figures."""
