"""`python -m eval.fid`: two sets of images against pytorch-fid's command line, and saved statistics."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import inception_v3

from data.files import read_json
from data.inception_network import PARTS, STEM_FILE
from eval.fid import compare as comparison
from eval.fid import inception
from eval.fid.__main__ import main
from eval.fid.compare import compare, measure, save
from eval.fid.frechet import frechet_distance, jackknife_error, statistics
from eval.fid.reference import Reference
from models.pictures import write_images


def coloured(count: int, seed: int, side: int = 24) -> np.ndarray:
    """Images of one random colour each with noise, uint8 (count, side, side, 3)."""
    random = np.random.default_rng(seed)
    colour = random.normal(80 + 60 * seed, 40, (count, 1, 1, 3))
    noise = random.normal(0, 30, (count, side, side, 3))
    return (colour + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    """Folders a and b, 90 and 100 images, and the same images as arrays."""
    folder = tmp_path_factory.mktemp("sets")
    for name, count, seed in (("a", 90, 0), ("b", 100, 1)):
        images = coloured(count, seed)
        write_images(folder / name, images)
        np.savez(folder / f"{name}.npz", images=images, others=images[:5])
    return folder


def values(folder: Path, *arguments, dims=64) -> dict:
    """What the command line writes, run in `folder`."""
    out = folder / "values.json"
    main([*map(str, arguments), "--dims", str(dims), "--out", str(out)])
    return read_json(out)["values"]


@pytest.fixture
def of_pytorch_fid(monkeypatch, capsys):
    """Its command line on two folders, with the given tensors instead of its download."""
    from pytorch_fid import fid_score
    from pytorch_fid import inception as original

    def run(a: Path, b: Path, dims: int, tensors: dict) -> float:
        state = inception.checkpoint(tensors)
        monkeypatch.setattr(original, "load_state_dict_from_url", lambda *_, **__: state)
        arguments = [str(a), str(b), "--dims", str(dims), "--device", "cpu", "--num-workers", "0"]
        monkeypatch.setattr("sys.argv", ["pytorch_fid", *arguments])
        capsys.readouterr()
        fid_score.main()
        return float(re.search(r"FID:\s+(\S+)", capsys.readouterr().out)[1])

    return run


def stem_and_zeros() -> dict:
    """Tensors of the whole network with our embedded stem; it runs no layer behind `dims`."""
    network = inception_v3(aux_logits=False, weights=None, init_weights=False)
    tensors = {n: t for n, t in network.state_dict().items() if n.endswith(PARTS)}
    return tensors | load_file(STEM_FILE)


needs_sqrtm = pytest.mark.skipif(
    tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 18),
    reason="pytorch-fid's distance needs sqrtm(disp=), which SciPy 1.18 removed",
)


@needs_sqrtm
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_folders_have_the_fid_of_pytorch_fids_command_line(sets, of_pytorch_fid):
    expected = of_pytorch_fid(sets / "a", sets / "b", 192, stem_and_zeros())
    found = values(sets, sets / "a", sets / "b", dims=192)["fid"]
    assert found["value"] == pytest.approx(expected, rel=1e-4)
    assert found["doubtful"]  # fewer images than dimensions


@needs_sqrtm
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_fid_of_the_literature_is_pytorch_fids(sets, real_weights, of_pytorch_fid):
    """2048 features of the true network; 190 images make it doubtful, but no less equal."""
    expected = of_pytorch_fid(sets / "a", sets / "b", 2048, load_file(real_weights))
    arguments = (sets / "a", sets / "b", "--inception", real_weights)
    found = values(sets, *arguments, dims=2048)["fid"]
    print("relative difference", found["value"] / expected - 1)
    assert found["value"] == pytest.approx(expected, rel=1e-3)
    assert found["doubtful"]


@pytest.fixture(scope="module")
def a_to_b(sets) -> dict:
    return values(sets, sets / "a.npz", sets / "b.npz")


def test_arrays_and_folders_are_the_same_set(sets, a_to_b):
    from_folders = values(sets, sets / "a", f"{sets / 'b.npz'}:images")
    assert set(from_folders) == {"fid", "kid", "floor_a", "floor_b"}
    for name, of in from_folders.items():
        assert of["value"] == pytest.approx(a_to_b[name]["value"], rel=1e-4, abs=1e-6)


def test_fid_is_symmetric_zero_of_a_set_with_itself_and_above_the_floor(sets, a_to_b):
    back = values(sets, sets / "b.npz", sets / "a.npz")
    assert back["fid"]["value"] == pytest.approx(a_to_b["fid"]["value"], rel=1e-9)
    np.savez(sets / "turned.npz", coloured(90, 0)[::-1])
    same = values(sets, sets / "a.npz", sets / "turned.npz")
    assert abs(same["fid"]["value"]) < 1e-6 * a_to_b["fid"]["value"]
    assert a_to_b["fid"]["value"] > 2 * a_to_b["floor_b"]["value"] > 0
    assert not a_to_b["fid"]["doubtful"]


def test_saved_statistics_stand_for_the_images(sets, a_to_b, capsys):
    main([str(sets / "b"), "--dims", "64", "--save", str(sets / "b_64.npz")])
    assert "statistics of 100 images" in capsys.readouterr().out
    saved = values(sets, sets / "a.npz", sets / "b_64.npz")
    for name, of in a_to_b.items():
        for part in ("value", "se"):
            assert saved[name][part] == pytest.approx(of[part], rel=1e-4, abs=1e-7)
    with pytest.raises(SystemExit, match="b_64.npz: made with dims 64, not 192"):
        values(sets, sets / "a.npz", sets / "b_64.npz", dims=192)


def test_statistics_of_pytorch_fid_are_taken(sets, a_to_b):
    network = inception.load_network(64)
    of_b = statistics(inception.features(network, np.load(sets / "b.npz")["images"]))
    np.savez(sets / "stats.npz", mu=of_b.mean, sigma=of_b.covariance)
    found = values(sets, sets / "a.npz", sets / "stats.npz")
    assert set(found) == {"fid", "floor_a"}
    assert found["fid"]["value"] == pytest.approx(a_to_b["fid"]["value"], rel=1e-6)
    back = values(sets, sets / "stats.npz", sets / "a.npz")["fid"]
    assert back["value"] == pytest.approx(found["fid"]["value"]) and back["se"] is None
    with pytest.raises(SystemExit, match="stats.npz: .* give --dims accordingly"):
        values(sets, sets / "a.npz", sets / "stats.npz", dims=192)


def test_pictures_may_differ_in_size_and_be_grey(tmp_path):
    images = [coloured(9, 0, side=20), coloured(9, 1, side=31)]
    for index, image in enumerate(image for pair in zip(*images, strict=True) for image in pair):
        grey = Image.fromarray(image).convert("L" if index % 4 == 0 else "RGB")
        grey.save(tmp_path / f"{index:02d}.png")
    network = inception.load_network(64)
    found = measure(tmp_path, network, groups=2)
    expected = []
    for file in sorted(tmp_path.iterdir()):
        image = np.array(Image.open(file).convert("RGB"))[None]
        expected.append(inception.features(network, image)[0])
    np.testing.assert_allclose(found.features, expected, rtol=1e-4, atol=1e-5)
    assert frechet_distance(found.statistics, statistics(np.array(expected))) < 1e-6


def test_errors_say_what_to_do(sets, capsys):
    for arguments, message in (
        (
            [sets / "a", sets / "b"],
            "--inception FILE; make it by `python -m data.download inception",
        ),
        ([sets / "a", "--dims", "64"], "give B, or --save"),
        ([sets / "a", "--dims", "64", "--save", "stats"], "statistics are written to an .npz"),
    ):
        with pytest.raises(SystemExit):
            main([*map(str, arguments)])
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit, match="others: 5 images; 10 groups need 40 or more"):
        values(sets, f"{sets / 'a.npz'}:others", sets / "b")
    with pytest.raises(SystemExit, match="nowhere: no such file or folder"):
        values(sets, sets / "nowhere", sets / "b")


def test_saved_statistics_of_many_have_the_error_of_all(tmp_path, monkeypatch):
    """The file holds features of a part; the value, and so its error, are of all images."""
    monkeypatch.setattr(comparison, "KEPT", 1000)
    network = inception.FeatureNetwork(3, "digest", None, None)
    random = np.random.default_rng(0)
    found = random.normal(size=(8000, 3))
    other = statistics(random.normal(0.5, size=(8000, 3)))
    floor = {"value": 0.1, "se": 0.01, "count": 4000, "groups": 5}
    save(tmp_path / "a.npz", Reference(statistics(found), found, floor), network)
    saved = measure(tmp_path / "a.npz", network, 50)
    assert len(saved.features) == 1000
    values = compare(saved, Reference(other, np.empty((0, 3)), {}), network, 50)
    assert values["fid"]["se"] == pytest.approx(jackknife_error(found, other, 50), rel=0.25)
    low, high = values["floor_a"]["interval"]  # Student's of the five groups that it was saved with
    assert (high - low) / 2 == pytest.approx(scipy.stats.t.ppf(0.975, 4) * 0.01, rel=1e-6)
