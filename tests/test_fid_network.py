"""The networks of FID, against pytorch-fid's and torchmetrics' published value."""

from unittest import mock

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from data import cut_inception, inception_network
from eval.fid import inception
from eval.fid.frechet import frechet_distance, statistics


def pytorch_fid_features(tensors: dict, dims: int, images: np.ndarray) -> np.ndarray:
    """Features by pytorch-fid's own class and pooling, untouched but for the weights' download."""
    from pytorch_fid import inception as original

    state = inception.checkpoint(tensors)
    with mock.patch.object(original, "load_state_dict_from_url", lambda *_, **__: state):
        network = original.InceptionV3([original.InceptionV3.BLOCK_INDEX_BY_DIM[dims]]).eval()
    with torch.inference_mode():
        output = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)[0]
    return F.adaptive_avg_pool2d(output, 1).flatten(1).double().numpy()


@pytest.fixture(scope="module")
def random_tensors() -> dict[str, torch.Tensor]:
    """Random weights of the full network, with batch-norm statistics that are not 0 and 1."""
    from torchvision.models import inception_v3

    generator = torch.Generator().manual_seed(0)
    network = inception_v3(aux_logits=False, weights=None, init_weights=False)
    tensors = {n: t for n, t in network.state_dict().items() if n.endswith(inception_network.PARTS)}
    for name, tensor in tensors.items():
        if name.endswith("conv.weight"):  # keeps the activations' size from layer to layer
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        else:
            tensor.uniform_(0.5, 1.5, generator=generator)
    return tensors


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("dims", inception.DIMS)
def test_features_equal_those_of_pytorch_fid(random_tensors, colours, dims):
    blocks, _ = (
        inception.full_blocks(random_tensors)
        if dims == 2048
        else inception.stem_blocks(dims, random_tensors)
    )
    network = inception.FeatureNetwork(dims, "", blocks.eval(), torch.device("cpu"))
    expected = pytorch_fid_features(random_tensors, dims, colours)
    for batch in (1, 3):
        found = inception.features(network, colours, batch)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * expected.max())


def test_grey_images_are_repeated_to_rgb(colours):
    grey = colours[..., :1]
    network = inception.load_network(64)
    np.testing.assert_array_equal(
        inception.features(network, grey), inception.features(network, grey.repeat(3, axis=3))
    )


def test_wrong_weights_are_refused(random_tensors, tmp_path):
    with pytest.raises(ValueError, match="no feature level"):
        inception.load_network(100)
    with pytest.raises(ValueError, match="--inception: dims 2048 needs"):
        inception.load_network(2048)
    save_file(random_tensors, tmp_path / "random.safetensors")
    with pytest.raises(ValueError, match="random.safetensors: digest"):
        inception.load_network(2048, tmp_path / "random.safetensors")
    with pytest.raises(RuntimeError, match="Mixed_7c"):
        inception.full_blocks({n: t for n, t in random_tensors.items() if "Mixed_7c" not in n})


@pytest.mark.parametrize(("seed", "published"), [(42, 12.6388), (123, 12.7202)])
def test_published_values_of_torchmetrics(seed, published):
    """FID-64 of its documentation's example, made with the official weights; 123: edition 0.11.

    The example seeds torch, then builds the network, whose initial weights use up random numbers,
    then draws the images; torchvision's network draws as many. It scales by (x - 128) / 128.
    """
    from torchvision.models import inception_v3

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
        sets = [
            torch.randint(*r, (100, 3, 299, 299), dtype=torch.uint8) for r in ((0, 200), (100, 255))
        ]
    blocks = inception.load_network(64).blocks
    found = []
    with torch.inference_mode():
        for images in sets:
            parts = [blocks((part.float() - 128) / 128).mean((2, 3)) for part in images.split(4)]
            found.append(statistics(torch.cat(parts).double().numpy()))
    assert frechet_distance(*found) == pytest.approx(published, abs=1e-4)


def test_embedded_stem_is_cut_bit_for_bit(real_data, real_weights, tmp_path):
    for name in ("from.npz", "from.safetensors"):
        source = real_data / "inception" / "fid_inception_v3.npz"
        cut_inception.cut(
            source if name == "from.npz" else real_weights, tmp_path / "stem.safetensors"
        )
        assert (
            tmp_path / "stem.safetensors"
        ).read_bytes() == inception_network.STEM_FILE.read_bytes()


@pytest.mark.parametrize("dims", inception.DIMS)
def test_true_weights_give_pytorch_fid_features(real_data, real_weights, dims):
    images = np.fromfile(real_data / "mnist/MNIST/raw/t10k-images-idx3-ubyte.gz", np.uint8)
    images = images[: 8 * 3072].reshape(8, 32, 32, 3)  # any bytes will do: here, compressed ones
    expected = pytorch_fid_features(load_file(real_weights), dims, images)
    found = inception.features(inception.load_network(dims, real_weights), images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    ("dims", "scaling", "tolerance"),
    [(2048, "ours", 1e-3), (2048, "theirs", 1e-5), (64, "ours", 0.05), (64, "theirs", 1e-5)],
)
def test_agrees_with_torch_fidelity(dims, scaling, tolerance, real_data, real_weights, tmp_path):
    """On the same 299 x 299 images, which both leave unresized.

    Its input is (x - 128) / 128, ours pytorch-fid's (x - 127.5) / 127.5; deep features hardly
    notice, the first ones do. With its scaling the values are equal.
    """
    other = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    metric = pytest.importorskip("torch_fidelity.metric_fid")
    torch.save(inception.checkpoint(load_file(real_weights)), tmp_path / "state.pth")
    extractor = other.FeatureExtractorInceptionV3("fid", [str(dims)], str(tmp_path / "state.pth"))
    network = inception.load_network(dims, real_weights)

    def our_features(images):
        if scaling == "ours":
            return inception.features(network, images.permute(0, 2, 3, 1).numpy())
        with torch.inference_mode():
            parts = [network.blocks((x.float() - 128) / 128).mean((2, 3)) for x in images.split(4)]
        return torch.cat(parts).double().numpy()

    stored = np.load(real_data / "celeba" / "celeba_64.npz")["test"][:32]
    ours, theirs = [], []
    for images in torch.from_numpy(stored).permute(0, 3, 1, 2).split(16):
        large = F.interpolate(images.float(), size=(299, 299)).to(torch.uint8)
        ours.append(statistics(our_features(large)))
        found = statistics(torch.cat([extractor(x)[0] for x in large.split(4)]).double().numpy())
        theirs.append({"mu": found.mean, "sigma": found.covariance})
    expected = metric.fid_statistics_to_metric(*theirs, False)["frechet_inception_distance"]
    found = frechet_distance(*ours)
    print(f"FID-{dims}, {scaling} scaling: {found / expected - 1:+.1e}")
    assert found == pytest.approx(expected, rel=tolerance)
