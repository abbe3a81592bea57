"""The datasets there are, and the further things that are downloaded like them."""

from data import inception
from data.datasets import celeba, cifar10, mnist, omniglot

DATASETS = {
    source.name: source for source in (mnist.SOURCE, omniglot.SOURCE, cifar10.SOURCE, celeba.SOURCE)
}
SOURCES = DATASETS | {inception.SOURCE.name: inception.SOURCE}
