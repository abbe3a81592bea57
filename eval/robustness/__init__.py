"""Classification of clean and corrupted images from their codes: score.py and its parts."""
