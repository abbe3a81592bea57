"""How sharp images are, by the response of a Laplacian filter: score.py."""
