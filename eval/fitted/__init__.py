"""FID of images whose codes are drawn from a Gaussian that was fitted to those of real images."""
