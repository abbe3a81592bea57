"""Networks, priors, objectives and their training."""
