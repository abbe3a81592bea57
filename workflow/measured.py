"""Which files below results/<preset> hold what was measured: neither weights, nor data, nor a report.

Patterns for Path.glob. Names are spelled out as far as they go, so that no half-written file, which
has a name of its own that begins with a dot (data/files.py), is ever taken for a whole one.
"""

RUNS = ("runs/*/*/seed*/run.json", "runs/*/*/seed*/history.csv")
# A score, and its values per unit.
SCORES = ("scores/*/*/*/seed*.json", "scores/*/*/*/seed*.npz")
SAMPLES = ("samples/*/*/seed*.npz",)
