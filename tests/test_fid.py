"""FID: networks against pytorch-fid's, distance against closed forms, jobs end to end."""

import itertools
import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import scipy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from data import cut_inception, inception_network, store
from data.files import digest, read_json, write_json
from eval.fid import inception
from eval.fid import reference as fid_reference
from eval.fid.frechet import Statistics, frechet_distance, jackknife_error, statistics
from eval.fid.kid import kernel_distance
from eval.fid.score import NEEDS
from eval.fid.score import score as fid
from eval.job import score_main
from models.run import build_model
from tests.tiny import tiny_data, tiny_info

# --- Networks -------------------------------------------------------------------------------------


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


def test_published_value_of_torchmetrics():
    """FID-64 of its documentation's example, made with the official weights: 12.6388.

    The example seeds torch, then builds the network, whose initial weights use up random numbers,
    then draws the images; torchvision's network draws as many. It scales by (x - 128) / 128.
    """
    from torchvision.models import inception_v3

    with torch.random.fork_rng():
        torch.manual_seed(42)
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
    assert frechet_distance(*found) == pytest.approx(12.6388, abs=1e-4)


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


# --- Distance -------------------------------------------------------------------------------------


def rotation(dimensions: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]


@settings(max_examples=50, deadline=None)
@given(dimensions=st.integers(1, 12), zeros=st.integers(0, 11), seed=st.integers(0, 2**32 - 1))
def test_commuting_covariances_have_a_closed_form(dimensions, zeros, seed):
    """|m1 - m2|^2 + sum (sqrt(a) - sqrt(b))^2 for eigenvalues a, b on common axes, some zero."""
    rng = np.random.default_rng(seed)
    axes, means = rotation(dimensions, rng), rng.normal(size=(2, dimensions))
    spectra = rng.uniform(0.1, 5, size=(2, dimensions))
    spectra[0, :zeros] = 0
    a, b = (
        Statistics(mean, (axes * values) @ axes.T, count)
        for mean, values, count in zip(means, spectra, (dimensions - zeros + 1, 100), strict=True)
    )
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum(np.diff(np.sqrt(spectra), axis=0) ** 2)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("case", ["full rank", "fewer vectors than dimensions", "constant feature"])
def test_distance_to_itself_is_zero(case):
    rng = np.random.default_rng(0)
    count = 20 if case == "fewer vectors than dimensions" else 500
    features = rng.gamma(1.0, size=(count, 64)) @ rng.normal(size=(64, 64))
    if case == "constant feature":
        features[:, 7] = 3.0
    of = statistics(features)
    assert abs(frechet_distance(of, of)) < 1e-9 * np.trace(of.covariance)


def feature_pair(count: int = 300, dimensions: int = 40):
    """Statistics of two correlated, skewed sets, scaled like Inception's features."""
    rng = np.random.default_rng(2)
    mixing = rng.normal(size=(2, dimensions, dimensions)) / 20
    return [statistics(rng.gamma(0.5, size=(count, dimensions)) @ m) for m in mixing]


def test_distance_equals_general_eigenvalues():
    """An independent route: sum of the roots of the eigenvalues of the unsymmetric product."""
    a, b = feature_pair()
    roots = np.sqrt(np.linalg.eigvals(a.covariance @ b.covariance).astype(complex)).real.sum()
    expected = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance) - 2 * roots
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.skipif(
    tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 18),
    reason="pytorch-fid's distance needs sqrtm(disp=), which SciPy 1.18 removed",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_distance_equals_that_of_pytorch_fid():
    from pytorch_fid.fid_score import calculate_frechet_distance

    a, b = feature_pair()
    expected = calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_statistics_are_those_of_numpy():
    features = np.random.default_rng(3).normal(5.0, 2.0, size=(5000, 6))  # more than one block
    found = statistics(features)
    np.testing.assert_allclose(found.mean, features.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(features.T), rtol=1e-10, atol=1e-12)


def test_unusable_statistics_are_refused():
    a, b = feature_pair()
    with pytest.raises(ValueError, match="different dimensions"):
        frechet_distance(a, Statistics(b.mean[1:], b.covariance[1:, 1:], b.count))
    with pytest.raises(ValueError, match="not finite"):
        frechet_distance(a, Statistics(b.mean * np.nan, b.covariance, b.count))
    with pytest.raises(ValueError, match="two feature vectors"):
        statistics(np.ones((1, 3)))
    with pytest.raises(ValueError, match="groups: 10 for 12 samples"):
        jackknife_error(np.ones((12, 3)), a, groups=10)


@pytest.mark.parametrize("count", [30, 203])  # below and above the 40 dimensions; unequal groups
def test_jackknife_error_is_that_of_distances_without_each_group(count):
    reference, _ = feature_pair()
    features = np.random.default_rng(6).gamma(2.0, size=(count, 40))
    distances = [
        frechet_distance(statistics(np.delete(features, slice(g, None, 5), axis=0)), reference)
        for g in range(5)
    ]
    expected = np.sqrt(4 / 5 * np.sum((distances - np.mean(distances)) ** 2))
    assert jackknife_error(features, reference, groups=5) == pytest.approx(expected, rel=1e-6)


def test_jackknife_error_is_the_spread_over_samples():
    """Against the standard deviation over 300 independent samples; both known to about 5 %."""
    rng = np.random.default_rng(4)
    reference = Statistics(np.zeros(3), np.diag([1.0, 2.0, 3.0]), 10**6)
    samples = rng.normal(0.3, 1.0, size=(300, 400, 3))
    spread = np.std([frechet_distance(statistics(x), reference) for x in samples])
    errors = [jackknife_error(x, reference, groups=10) for x in samples]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread, rel=0.2)


# --- Kernel distance ------------------------------------------------------------------------------


def unbiased_mmd(x, y) -> float:
    """The definition, pair by pair."""

    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    def mean(values):
        return sum(values) / len(values)

    def off_diagonal(v):
        return mean([kernel(a, b) for i, a in enumerate(v) for j, b in enumerate(v) if i != j])

    return off_diagonal(x) + off_diagonal(y) - 2 * mean([kernel(a, b) for a in x for b in y])


def test_kernel_distance_is_the_definition_and_its_error_that_without_each_group():
    rng = np.random.default_rng(7)
    x, y = rng.gamma(2.0, size=(23, 6)), rng.gamma(1.5, size=(17, 6))
    found, error = kernel_distance(x, y, groups=4)
    assert found == pytest.approx(unbiased_mmd(x, y), rel=1e-10)
    left_out = [unbiased_mmd(np.delete(x, slice(g, None, 4), axis=0), y) for g in range(4)]
    expected = np.sqrt(3 / 4 * np.sum((left_out - np.mean(left_out)) ** 2))
    assert error == pytest.approx(expected, rel=1e-8)


def test_kernel_distance_is_the_mean_over_all_subsets():
    """torch-fidelity and torchmetrics average the same estimate over random subsets of both sets:
    degree 3, gamma 1/d, coefficient 1, within terms without the diagonal. All subsets give ours.
    """
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(5, 3)), rng.normal(0.5, size=(5, 3))
    subsets = [list(chosen) for chosen in itertools.combinations(range(5), 3)]
    mean = np.mean([unbiased_mmd(x[a], y[b]) for a in subsets for b in subsets])
    assert kernel_distance(x, y, groups=2)[0] == pytest.approx(mean, rel=1e-10)


def test_kernel_distance_is_unbiased_and_its_error_the_spread_over_samples():
    """300 samples of 40, against one large sample. Where the distributions are equal, the linear
    part of the estimate vanishes and the jackknife is too large by a factor of root two.
    """
    rng = np.random.default_rng(9)
    reference = rng.normal(size=(300, 3))
    for shift, factor in ((0.0, 2**0.5), (0.6, 1.0)):
        found, errors = np.transpose(
            [kernel_distance(rng.normal(shift, size=(40, 3)), reference, 10) for _ in range(300)]
        )
        large, _ = kernel_distance(rng.normal(shift, size=(4000, 3)), reference, 10)
        assert found.mean() == pytest.approx(large, abs=4 * found.std() / 300**0.5 + 0.02)
        error = np.sqrt(np.mean(errors**2))
        print(f"shift {shift}: error {error / found.std():.2f} of the spread")
        assert error == pytest.approx(factor * found.std(), rel=0.2)


def test_too_few_images_for_the_groups_are_refused():
    with pytest.raises(ValueError, match="groups: 10 for 12 samples"):
        kernel_distance(np.ones((12, 3)), np.ones((12, 3)), groups=10)


# --- Jobs -----------------------------------------------------------------------------------------

SETTINGS = {
    "dims": 64,
    "count": 20,
    "references": {"test": 24},
    "groups": 4,
    "batch": None,
    "allow_small": True,
}


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Path:
    """A folder with a dataset, an untrained run, generated images and reference statistics."""
    folder = tmp_path_factory.mktemp("fid")
    data = tiny_data(train=25, test=25, side=32, channels=3)
    store.save(folder / "data.npz", data)
    np.savez(folder / "samples.npz", images=data.test_images)

    info = tiny_info(side=32, channels=3) | {"status": "done"}
    (folder / "run").mkdir()
    save_file(build_model(info).state_dict(), folder / "run" / "weights.safetensors")
    info["weights_sha256"] = digest(folder / "run" / "weights.safetensors")
    write_json(folder / "run" / "run.json", info)

    run_reference(folder, SETTINGS)
    return folder


def run_main(main, *arguments) -> None:
    with mock.patch("sys.argv", ["job", *map(str, arguments)]):
        main()


def run_reference(folder: Path, params: dict) -> None:
    run_main(
        fid_reference.main,
        *("--data", folder / "data.npz", "--params", json.dumps(params)),
        *("--out", folder / "reference.npz"),
    )


def run_fid(folder: Path, params: dict, samples: str = "samples.npz") -> dict:
    run_main(
        lambda: score_main("fid", fid, NEEDS),
        *("--run", folder / "run", "--data", folder / "data.npz", "--samples", folder / samples),
        *("--reference", folder / "reference.npz", "--params", json.dumps(params)),
        *("--out", folder / "fid.json", "--units", folder / "fid.npz"),
    )
    return read_json(folder / "fid.json")


def test_job_scores_the_reference_images_themselves_as_zero(job):
    result = run_fid(job, SETTINGS | {"count": 24})
    values = result["values"]
    floor = values["floor.test"]
    assert values["dims"]["value"] == 64
    assert values["fid.test"]["value"] == pytest.approx(0, abs=1e-8 * floor["value"])
    assert floor["value"] > floor["se"] > 0
    assert values["fid.test"]["doubtful"] and not values["kid.test"]["doubtful"]
    # Of the same images, KID misses the diagonal in the within terms alone: it is below zero.
    assert -4 * floor["value"] < values["kid.test"]["value"] < 0
    protocol = result["protocol"]
    assert protocol["generated"] == 24 and protocol["reference"] == {"test": 24}
    assert protocol["floor_count"] == {"test": 20}
    assert protocol["name"] == "FID-64" and protocol["small_sample"]
    assert protocol["weights_sha256"] == inception_network.STEM_SHA256


def test_floor_is_the_distance_between_the_splits(job):
    network, data = inception.load_network(64), store.load(job / "data.npz")
    found = fid_reference.load(job / "reference.npz", fid_reference.key(network, data))["test"]
    train, test = (
        statistics(inception.features(network, images))
        for images in (data.train_images[:20], data.test_images[:24])
    )
    assert found.statistics.count == 24
    np.testing.assert_array_equal(found.statistics.covariance, test.covariance)
    kept = inception.features(network, data.test_images[:20])  # as many as will be compared
    np.testing.assert_allclose(found.features, kept, rtol=1e-6)
    assert found.floor["value"] == pytest.approx(frechet_distance(train, test), rel=1e-9)


def test_too_few_images_are_refused_unless_asked_for(job):
    with pytest.raises(ValueError, match="20 generated images are too few for 64 dimensions"):
        run_fid(job, SETTINGS | {"allow_small": False})
    with pytest.raises(ValueError, match="24 test reference images are too few"):
        run_reference(job, SETTINGS | {"allow_small": False})


def test_a_reference_takes_what_there_is(job):
    data, network = store.load(job / "data.npz"), inception.load_network(64)
    settings = SETTINGS | {"count": None, "references": {"test": 1000, "train": None}}
    found = fid_reference.build(data, network, settings)
    assert [found[split].statistics.count for split in ("test", "train")] == [25, 25]
    assert [found[split].floor["count"] for split in ("test", "train")] == [25, 25]


def test_samples_that_do_not_fit_are_refused(job):
    with pytest.raises(ValueError, match="count asks for 26 images, the file has 25"):
        run_fid(job, SETTINGS | {"count": 26})
    np.savez(job / "grey.npz", images=np.zeros((25, 32, 32, 1), np.uint8))
    with pytest.raises(ValueError, match="grey.npz: images are uint8"):
        run_fid(job, SETTINGS, samples="grey.npz")


def test_statistics_made_otherwise_are_refused(job):
    key = fid_reference.key(inception.load_network(64), store.load(job / "data.npz"))
    for name, value in {"dims": 192, "preprocessing": "bicubic", "dataset": "celeba"}.items():
        with pytest.raises(ValueError, match=f"reference.npz: made with {name}"):
            fid_reference.load(job / "reference.npz", key | {name: value})
