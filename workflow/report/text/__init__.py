"""The parts that tables.md consists of."""
