"""FID of training images, encoded and decoded."""
