"""models.use: a run folder as five functions, in Python and on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from data import folder as image_folder
from data.datasets import celeba
from data.files import digest, write_json
from models import pictures, use
from models.pixels import to_float, to_uint8
from models.run import build_model, load_run
from models.sample import sample_images
from tests.tiny import tiny_data, tiny_info


def make_run(folder: Path, method="vae", **changes) -> Path:
    """An untrained run as `models.train` would leave it, its weights large enough to show."""
    info = tiny_info(method, **{k: changes.pop(k) for k in ("side", "channels") if k in changes})
    info |= {"status": "done"} | changes
    model = build_model(info)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "weights.safetensors")
    info["weights_sha256"] = digest(folder / "weights.safetensors")
    write_json(folder / "run.json", info)
    return folder


@pytest.fixture(scope="module", params=["vae", "vimae_l"])
def run_folder(request, tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "run", request.param)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return tiny_data().test_images


def test_each_method_is_what_the_network_gives(run_folder, images):
    model, run = use.load(run_folder), load_run(run_folder)
    with torch.inference_mode():
        mean, _ = run.model.encode(to_float(torch.from_numpy(images), "unit"))
        pictures_of_mean = to_uint8(run.model.decode(mean), "unit").numpy()
    codes = model.encode(images)
    assert codes.dtype == np.float32 and codes.shape == (len(images), model.latent)
    np.testing.assert_allclose(codes, mean, rtol=1e-5, atol=1e-6)
    for found in (model.decode(codes), model.reconstruct(images)):
        assert found.dtype == np.uint8 and found.shape == images.shape
        np.testing.assert_allclose(found.astype(int), pictures_of_mean.astype(int), atol=1)


def test_sampled_codes_have_the_spread_of_the_posterior(run_folder, images):
    model, run = use.load(run_folder), load_run(run_folder)
    many = images[:1].repeat(4000, axis=0)
    drawn = model.encode(many, sampled=True)
    with torch.inference_mode():
        _, log_variance = run.model.encode(to_float(torch.from_numpy(images[:1]), "unit"))
    expected = 0 if log_variance is None else (0.5 * log_variance[0]).exp().numpy()
    np.testing.assert_allclose(drawn.std(0), expected + 0 * drawn[0], rtol=0.1, atol=1e-5)
    np.testing.assert_array_equal(drawn, model.encode(many, sampled=True))  # by the seed
    if log_variance is not None:
        assert (drawn[:9] != model.encode(many[:9], sampled=True, seed=1)).any()
    for count in (1, 9):  # a draw does not depend on how many follow
        few = model.encode(many[:count], sampled=True)
        np.testing.assert_allclose(few, drawn[:count], atol=1e-5)


def test_samples_are_those_of_the_pipeline_unless_a_seed_is_given(run_folder):
    model = use.load(run_folder)
    ours = sample_images(load_run(run_folder), 501, torch.device("cpu"))
    np.testing.assert_array_equal(model.sample(501), ours)
    np.testing.assert_array_equal(model.sample(3, seed=5), model.sample(9, seed=5)[:3])
    assert (model.sample(3, seed=5) != model.sample(3, seed=6)).any()


def test_interpolation_is_straight_and_has_both_ends(run_folder, images):
    model = use.load(run_folder)
    codes = model.encode(images[:2])
    found = model.interpolate(images[0], images[1], steps=5)
    np.testing.assert_array_equal(found, model.interpolate(*codes, steps=5))
    middle = model.decode(codes.mean(0, keepdims=True))
    for index, expected in (
        (0, model.decode(codes[:1])),
        (2, middle),
        (4, model.decode(codes[1:])),
    ):
        np.testing.assert_allclose(found[index].astype(int), expected[0].astype(int), atol=1)


def test_pictures_of_a_folder_are_resized_as_a_folder_dataset_is(tmp_path):
    run = make_run(tmp_path / "run", side=32, channels=3)
    random = np.random.default_rng(0)
    encoded = {}
    for name in ("b.png", "a/z.bmp", "a/.hidden.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 60, 3), np.uint8)).save(path)
        encoded[name] = path.read_bytes()
    names, found = use.load(run).read_named(tmp_path / "pictures")
    assert names == ["a/z.bmp", "b.png"]
    for image, name in zip(found, names, strict=True):
        np.testing.assert_array_equal(image, image_folder.decode(encoded[name], 32, 3))
    one = use.load(run).read(tmp_path / "pictures" / "b.png")
    np.testing.assert_array_equal(one[0], found[1])


def test_a_folder_that_is_called_like_a_picture_is_a_folder(tmp_path):
    Image.new("RGB", (40, 60), "red").save(tmp_path / "a.png")
    (tmp_path / "shots.png").mkdir()
    Image.new("RGB", (40, 60), "blue").save(tmp_path / "shots.png" / "b.png")
    run = make_run(tmp_path / "elsewhere" / "run", side=32, channels=3)
    names, found = use.load(run).read_named(tmp_path)
    assert names == ["a.png", "shots.png/b.png"] and len(found) == 2


def test_aligned_photographs_are_cut_as_celeba_is(tmp_path):
    model = use.load(make_run(tmp_path / "run", side=64, channels=3, dataset="celeba"))
    random = np.random.default_rng(0)
    for name, size in (("aligned.jpg", (218, 178, 3)), ("other.jpg", (200, 178, 3))):
        Image.fromarray(random.integers(0, 256, size, np.uint8)).save(tmp_path / name)
    Image.open(tmp_path / "aligned.jpg").save(tmp_path / "aligned.png")
    aligned, other = ((tmp_path / name).read_bytes() for name in ("aligned.jpg", "other.jpg"))
    expected = celeba.crop(aligned, "")
    for name in ("aligned.jpg", "aligned.png"):
        np.testing.assert_array_equal(model.read(tmp_path / name)[0], expected)
    expected = image_folder.decode(other, 64, 3)
    np.testing.assert_array_equal(model.read(tmp_path / "other.jpg")[0], expected)


def call(run: Path, command: str, *options) -> None:
    use.main([command, "--run", str(run), *map(str, options)])


def test_commands_do_what_the_methods_do(run_folder, images, tmp_path):
    model = use.load(run_folder)
    pictures.write_images(tmp_path / "in", images[:5])
    call(run_folder, "encode", "--images", tmp_path / "in", "--out", tmp_path / "codes.npz")
    stored = np.load(tmp_path / "codes.npz")
    assert list(stored["names"]) == [f"0000{i}.png" for i in range(5)]
    np.testing.assert_array_equal(stored["codes"], model.encode(images[:5]))

    call(run_folder, "decode", "--codes", tmp_path / "codes.npz", "--out", tmp_path / "back.npz")
    back = np.load(tmp_path / "back.npz")["images"]
    np.testing.assert_array_equal(back, model.reconstruct(images[:5]))
    call(run_folder, "reconstruct", "--images", tmp_path / "in", "--out", tmp_path / "out")
    np.testing.assert_array_equal(model.read(tmp_path / "out"), back)

    call(run_folder, "sample", "--count", 7, "--seed", 3, "--out", tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (3 * 28, 3 * 28)  # nine fields, the last two of them white
    np.testing.assert_array_equal(sheet[28:56, 56:], model.sample(7, seed=3)[5, ..., 0])
    assert (sheet[56:, 28:] == 255).all()

    ends = [tmp_path / "in" / f"0000{i}.png" for i in (1, 4)]
    to = tmp_path / "line.npz"
    call(run_folder, "interpolate", "--between", *ends, "--steps", 3, "--invert", "--out", to)
    expected = model.interpolate(255 - images[1], 255 - images[4], 3)
    np.testing.assert_array_equal(np.load(to)["images"], expected)
    call(run_folder, "interpolate", "--steps", 3, "--out", to)
    assert np.load(to)["images"].shape == (3, 28, 28, 1)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 28, 28), np.float32), "float32 .* store them as uint8"),
        (np.zeros((3, 32, 32), np.uint8), r"this run takes uint8 \(n, 28, 28, 1\)"),
        (np.zeros((0, 28, 28), np.uint8), "no image"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(run_folder, tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match=f"x.npy: .*{message}"):
        use.load(run_folder).read(tmp_path / "x.npy")


def test_the_array_of_a_file_is_the_named_the_usual_or_the_only_one(images, tmp_path):
    file = tmp_path / "x.npz"
    np.savez(file, images)
    np.testing.assert_array_equal(pictures.read_array(file, "images"), images)
    np.savez(file, images=images, test_images=images[:3])
    assert len(pictures.read_array(file, "images")) == len(images)
    assert len(pictures.read_array(f"{file}:test_images", "images")) == 3
    with pytest.raises(
        ValueError, match="x.npz: holds images, test_images; say which, as .*x.npz:"
    ):
        pictures.read_array(file, "codes")
    file.rename(tmp_path / "x.NPZ")
    assert len(pictures.read_array(f"{tmp_path / 'x.NPZ'}:test_images", "images")) == 3
    (tmp_path / "x.NPZ").rename(tmp_path / "really.npy")
    with pytest.raises(ValueError, match="really.npy: .*store it again with numpy.save"):
        pictures.read_array(tmp_path / "really.npy", "images")


def test_errors_name_the_file_and_the_remedy(run_folder, tmp_path):
    with pytest.raises(SystemExit, match="run.json: no such file; name a run's folder as"):
        call(tmp_path, "sample", "--out", tmp_path / "x.png")
    (tmp_path / "in").mkdir()
    out = ("--out", tmp_path / "x.npz")
    with pytest.raises(SystemExit, match="in: no images in it; put some there"):
        call(run_folder, "encode", "--images", tmp_path / "in", *out)
    with pytest.raises(SystemExit, match="nowhere: no such file or folder; correct"):
        call(run_folder, "encode", "--images", tmp_path / "nowhere", *out)
    (tmp_path / "in" / "bad.png").write_bytes(b"nothing")
    with pytest.raises(SystemExit, match="bad.png: .*repair or remove it"):
        call(run_folder, "encode", "--images", tmp_path / "in", *out)
    infinite = np.array([[0, 0, np.inf]])
    for codes in (
        np.zeros((2, 99)),
        np.zeros((0, 3)),
        np.zeros(()),
        np.full((2, 3), "a"),
        infinite,
    ):
        np.savez(tmp_path / "codes.npz", codes=codes)
        with pytest.raises(SystemExit, match=r"codes.npz: .*\(n, 3\).*`encode` .* writes such"):
            call(run_folder, "decode", "--codes", tmp_path / "codes.npz", *out)
    with pytest.raises(SystemExit, match="jpg is not written; use .npz, .png"):
        call(run_folder, "sample", "--out", tmp_path / "x.jpg")
    with pytest.raises(SystemExit, match="--invert: only pictures are inverted"):
        call(run_folder, "interpolate", "--invert", *out)
    np.savez(tmp_path / "two.npz", images=np.zeros((2, 28, 28), np.uint8))
    with pytest.raises(SystemExit, match="two.npz: holds 2 pictures"):
        call(run_folder, "interpolate", "--between", *[tmp_path / "two.npz"] * 2, *out)
    with pytest.raises(ValueError, match="two images would be called a.png"):
        pictures.write_images(tmp_path / "f", np.zeros((2, 2, 2, 1), np.uint8), ["a.jpg", "a.png"])


def test_a_diverged_run_is_no_model(tmp_path):
    run = make_run(tmp_path / "run")
    info = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", info | {"status": "diverged"})
    with pytest.raises(ValueError, match="run: this training diverged"):
        use.load(run)


@pytest.mark.parametrize(("variable", "expected"), [(None, 1), ("2", 2)])
def test_a_command_line_takes_one_thread_unless_told_otherwise(variable, expected):
    code = (
        "import scipy.linalg, torch; from models.device import pick_device; pick_device();"
        "from threadpoolctl import threadpool_info;"
        "print(torch.get_num_threads(), *{of['num_threads'] for of in threadpool_info()})"
    )
    environment = {name: of for name, of in os.environ.items() if name != "OMP_NUM_THREADS"}
    if variable:
        environment["OMP_NUM_THREADS"] = variable
    words = [sys.executable, "-c", code]
    found = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert {int(word) for word in found.stdout.split()} <= {1, expected}  # as the cores allow
    assert int(found.stdout.split()[0]) == expected
