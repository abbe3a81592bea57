"""The datasets, one file each: `DATASET` describes it, its readers stand beside it."""
