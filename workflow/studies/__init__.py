"""The studies: what makes the record's numbers what they are (docs/studies.md)."""
