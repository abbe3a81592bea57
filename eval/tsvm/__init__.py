"""The transductive support vector machine that robustness uses."""
