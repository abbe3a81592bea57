"""How a code answers to ink, how much of it or whether there is some: score.py."""
