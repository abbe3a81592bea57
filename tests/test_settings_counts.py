"""params.yaml: counts that cannot be are refused, and a folder's are cut to what it has."""

import shutil

import numpy as np
import pytest
from PIL import Image

from data import folder, sheets
from data.prepare import prepare
from data.store import ImageSet
from eval.robustness.tasks import few_shot_tasks, standard_task
from tests.test_settings import put
from workflow.settings import Settings, SettingsError, check

# --- more than there is, and less than is needed


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("labels", 999_999, r"labels is 999,999 for mnist, which has 4,340"),
        ("labels", 1005, r"labels is 1,005, not a multiple of mnist's 10 classes"),
        ("test", 1001, r"test is 1,001 for mnist, which has 1,000"),
    ],
)
def test_more_than_there_is_is_named(config, name, value, says):
    config["datasets"] = ["mnist"]
    with pytest.raises(SettingsError, match=says):
        check(put(config, f"presets/quick/scores/robustness/mnist/{name}", value))


def test_fid_wants_no_more_than_there_are_and_no_fewer_than_its_features(config):
    config["datasets"] = ["cifar10"]
    with pytest.raises(SettingsError, match=r"count is 501 for cifar10, which has 500 \(samples\)"):
        check(put(config, "presets/quick/scores/fid/default/count", 501))
    put(config, "presets/quick/scores/fid/default/count", 63)
    with pytest.raises(SettingsError, match=r"count is 63 .* fewer than 64 \(dims\), unless allow"):
        check(config)
    check(put(config, "presets/quick/scores/fid/default/allow_small", True))


FEW = {"characters": 20, "train_drawers": 15, "test_drawers": 5, "labelled_per_character": 5}


@pytest.mark.parametrize(
    "dataset, score, wrong, right, says",
    [
        ("cifar10", "fid", {"dims": 2048, "count": None}, {"dims": 192}, r"count is 500 .*2,048 \(d"),
        ("cifar10", "fid", {"allow_small": True, "count": 501}, {"count": 20}, r"has 500 \(samples"),
        ("cifar10", "fid", {"dims": 192, "references": {"test": 191}}, {"references": {"test": 192}},
         r"references\.test is 191 for cifar10, fewer than 192 \(dims\), unless allow_small"),
        ("cifar10", "fid", {"dims": 192, "references": {"train": 191}}, {"references": {"train": 192}},
         r"references\.train is 191"),
        ("cifar10", "fid", {"groups": 151}, {"groups": 150}, r"groups is 151 .*150 \(count // 2\)"),
        ("cifar10", "fid", {"count": None, "groups": 251}, {"groups": 250}, r"groups is 251 .* 250"),
        ("cifar10", "information", {"count": 64}, {"count": 65}, r"64 .* fewer than 65 \(latent \+"),
        ("mnist", "robustness", {"labels": 4350}, {"labels": 4340}, r"has 4,340 \(train, as many of"),
    ],
)  # fmt: skip
def test_what_a_job_would_refuse_is_named(config, dataset, score, wrong, right, says):
    config["datasets"] = [dataset]
    section = config["presets"]["quick"]["scores"].setdefault(score, {})
    section[dataset] = section.get(dataset, {}) | wrong
    with pytest.raises(SettingsError, match=says):
        check(config)
    section[dataset] |= right
    check(config)


def test_codes_are_as_large_as_the_largest_method_s(config):
    config |= {"datasets": ["mnist"], "methods": ["vae_code_4", "vae_code_16"]}
    put(config, "presets/quick/scores/information/mnist/count", 16)
    with pytest.raises(SettingsError, match=r"count is 16 for mnist, fewer than 17 \(latent"):
        check(config)
    check(config | {"methods": ["vae_code_4", "vae"]})


@pytest.fixture(scope="module")
def drawn():
    """Which character each embedded drawing is of, of those that test."""
    return sheets.load("omniglot")["test"][1]


@pytest.mark.parametrize("test", [None, 990, 100])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"labelled_per_character": 15},
        {"labelled_per_character": 16},
        {"labelled_per_character": 16, "rotations": 2},
        {"train_drawers": 16},
        {"test_drawers": 6},
        {"characters": 5, "test_drawers": 3},
        {"characters": 49},
        {"characters": 50},
        {"characters": 50, "train_drawers": 5},
        {"characters": 51},
    ],
)
def test_few_shots_are_refused_where_the_job_would_refuse_them(config, drawn, more, test):
    few_shot = FEW | {"rotations": 1, "repeats": 2} | more
    put(config, "presets/quick/data/omniglot", {"test": test})
    put(config, "presets/quick/scores/robustness/omniglot/few_shot", few_shot)
    config |= {"datasets": ["omniglot"], "scored": {"robustness": ["omniglot"]}}
    labels = drawn[:test]
    images = np.zeros((len(labels), 1, 1, 1), np.uint8)
    data = ImageSet("omniglot", images, labels, images, labels, value_range="unit", meta={})
    try:
        next(few_shot_tasks(data, few_shot, seed=0))
    except ValueError:
        with pytest.raises(SettingsError, match=r"robustness: few_shot\.(char|labelled)"):
            check(config)
    else:
        check(config)


def test_few_shots_of_the_official_omniglot_are_known_without_it(config):
    config |= {"preset": "narrow", "datasets": ["omniglot"]}
    few_shot = config["presets"]["narrow"]["scores"]["robustness"]["omniglot"]["few_shot"]
    few_shot["train_drawers"] = 16
    with pytest.raises(SettingsError, match=r"of whose classes 0 have 21 test images"):
        check(config)
    few_shot |= {"train_drawers": 15, "characters": 660}  # of 659
    with pytest.raises(SettingsError, match=r"characters is 660 .* classes 659 have 20"):
        check(config)


# --- folders of images


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Images of two classes: enough for every score, 80 of 800 test."""
    return class_folders(tmp_path_factory.mktemp("pictures"), {"cats": 400, "dogs": 400})


def class_folders(root, sizes):
    """A folder of class folders with so many images each; checks do not look into them."""
    for name, size in sizes.items():
        (root / name).mkdir(parents=True)
        for number in range(size):
            (root / name / f"{number}.png").touch()
    return root


def with_folder(config, **entry):
    config["folders"] = {"pets": entry}
    config["datasets"] = ["mnist", "pets"]
    return config


def test_a_folder_is_a_dataset_by_one_entry(config, pictures):
    with_folder(config, path=str(pictures), side=28, channels=1)
    check(config)
    settings = Settings(config)
    assert settings.scored["robustness"] == ["mnist"] and "fid" not in settings.scored
    for score in ("reconstruction", "nll", "information"):
        assert settings.scored[score] == ["mnist", "pets"]
    data = settings.data_settings("pets")
    assert data["source"] == "folder" and data["path"] == str(pictures)
    assert (data["side"], data["channels"], data["train"], data["test"]) == (28, 1, None, None)
    assert settings.image_counts("pets") == {"train": 720, "test": 80}
    assert settings.train_settings("pets", "vae") == settings.train_settings("mnist", "vae")
    # Asked for a thousand, as of MNIST; there are eighty.
    counts = [
        settings.score_settings("reconstruction", name)["count"] for name in ("mnist", "pets")
    ]
    assert counts == [1000, 80]


def test_a_folder_takes_the_settings_of_what_it_is_like(config, pictures):
    with_folder(config, path=str(pictures), side=64, channels=3)
    settings = Settings(config)
    assert settings.like("pets") == "celeba"
    assert settings.section("pets", "train") == settings.section("celeba", "train")
    assert settings.train_settings("pets", "vae")["method"]["likelihood"] == "gaussian"
    with_folder(config, path=str(pictures), side=64, channels=3, like="cifar10")
    put(config, "presets/quick/train/pets", {"epochs": 9})
    check(config)
    settings = Settings(config)
    assert settings.section("pets", "train") == settings.section("cifar10", "train") | {"epochs": 9}
    with_folder(config, path=str(pictures), side=32, channels=3)
    assert Settings(config).like("pets") == "cifar10"
    assert Settings(config).like("mnist") is None


def test_class_folders_are_labels(config, pictures):
    with_folder(config, path=str(pictures), side=28, channels=1, classes=True)
    put(config, "presets/quick/scores/robustness/pets", {"labels": 9, "test": 2})
    check(config)
    settings = Settings(config)
    assert settings.scored["robustness"] == ["mnist", "pets"]
    assert settings.score_settings("robustness", "pets")["labels"] == 8  # two classes
    put(config, "presets/quick/scores/robustness/pets/labels", 722)
    with pytest.raises(SettingsError, match=r"labels is 722 for pets, which has 720"):
        check(config)


def test_what_a_folder_asks_for_itself_is_not_cut(config, pictures):
    with_folder(config, path=str(pictures), side=28, channels=1)
    for count in (80, 81):
        put(config, "presets/quick/scores/nll/pets/images", count)
        assert Settings(config).score_settings("nll", "pets")["images"] == count
    with pytest.raises(SettingsError, match=r"nll: images is 81 for pets, which has 80 \(test\)"):
        check(config)


@pytest.mark.parametrize(
    "sizes, labels",
    [
        ({"cats": 30, "dogs": 30}, 54),  # all that train: a tenth tests
        ({"cats": 50, "dogs": 10}, 18),  # as many of either
        ({"cats": 10, "dogs": 10, "fish": 50}, 27),
        ({"cats": 50, "dogs": 50, "fish": 50}, 99),  # of the hundred asked for of all
    ],
)
def test_labels_that_were_meant_for_others_are_cut_to_what_there_is(
    config, tmp_path, sizes, labels
):
    entry = {"path": str(class_folders(tmp_path, sizes)), "side": 28, "channels": 1}
    with_folder(config, **entry, classes=True)["scored"] = {"robustness": ["pets"]}
    check(put(config, "presets/quick/scores/robustness/default/labels", 100))
    settings = Settings(config)
    asked = settings.score_settings("robustness", "pets")
    assert asked["labels"] == labels
    task = standard_task(images_of(settings, "pets"), asked, seed=0)
    counts = np.unique(task.train_labels[task.train_labels != -1], return_counts=True)[1]
    assert len(counts) == len(sizes) and set(counts) == {labels // len(sizes)}


def images_of(settings, dataset):
    """A folder as prepared, of empty images."""
    data = settings.data_settings(dataset)
    arrays = {}
    for split, files in folder.find(folder.located(data["path"]), data).items():
        arrays[f"{split}_images"] = np.zeros((len(files), 1, 1, 1), np.uint8)
        arrays[f"{split}_labels"] = np.array([label for _, label in files])
    return ImageSet(dataset, **arrays, value_range="unit", meta={})


def test_all_that_there_is_may_be_less_by_files_that_prove_unreadable(config, tmp_path):
    """Of settings that ask for all files, to a task of those that could be read."""
    root = class_folders(tmp_path, {"cats": 100, "dogs": 100})
    with_folder(config, path=str(root), side=28, channels=1, classes=True)
    put(config, "presets/quick/scores/robustness/pets/test", 20)  # as if said, and it is all
    check(config)
    settings = Settings(config)
    data, asked = settings.data_settings("pets"), settings.score_settings("robustness", "pets")
    assert (asked["labels"], asked["test"]) == (180, 20)
    files = folder.find(root, data)
    for path, _ in [*files["train"][1:], *files["test"][1:]]:
        Image.new("L", (28, 28)).save(path)
    images = prepare(settings.dataset("pets"), data)
    assert images.meta["unreadable"] == 2
    task = standard_task(images, asked, seed=0)
    assert len(task.test_labels) == 19
    known = task.train_labels[task.train_labels != -1]
    assert sorted(np.bincount(known)) == [89, 89]  # still balanced
    images.meta["unreadable"] = 0
    with pytest.raises(ValueError, match="test is 20; pets has 19 images"):
        standard_task(images, asked, seed=0)


def test_fewer_labels_than_classes_are_named(config, tmp_path):
    root = class_folders(tmp_path, {f"class{number}": 4 for number in range(11)})
    with_folder(config, path=str(root), side=28, channels=1, classes=True)
    put(config, "presets/quick/scores/robustness/default/labels", 10)
    says = r"labels is 0 for pets, fewer than one for each of its 11 classes"
    with pytest.raises(SettingsError, match=says):
        check(config)
    check(put(config, "presets/quick/scores/robustness/pets/labels", 22))


def test_a_folder_too_small_for_a_score_is_named(config, tmp_path):
    root = class_folders(tmp_path, {"cats": 10, "dogs": 10})
    with_folder(config, path=str(root), side=28, channels=1)
    says = r"information: count is 2 for pets, fewer than 9 \(latent \+ 1\); pets has no more"
    with pytest.raises(SettingsError, match=says):
        check(config)
    check(config | {"scored": {"nll": ["pets"]}})
    (root / "cats").rename(root / "train")
    (root / "dogs").rename(root / "test")
    for path in list((root / "test").iterdir())[1:]:
        path.unlink()
    with pytest.raises(SettingsError, match=r"nll: images is 1 for pets, fewer than 2; pets has"):
        check(config | {"scored": {"nll": ["pets"]}})


def test_a_floor_has_two_images_in_each_group(config, tmp_path):
    root = class_folders(tmp_path, {"train": 19, "test": 10})
    with_folder(config, path=str(root), side=32, channels=3)
    config["scored"] = {"fid": ["pets"]}
    put(config, "presets/quick/scores/fid/pets", {"allow_small": True})
    with pytest.raises(
        SettingsError, match=r"test is 10 for pets, which needs train >= 2 \* groups"
    ):
        check(config)
    check(put(config, "presets/quick/scores/fid/pets/groups", 9))


def test_a_score_that_takes_fids_reference_has_its_features(config):
    config |= {"datasets": ["cifar10"], "scored": {"fitted": ["cifar10"]}}
    check(config)
    put(config, "presets/quick/scores/fitted/cifar10", {"dims": 192})
    with pytest.raises(SettingsError, match=r"fitted: dims is 192 for cifar10, but 64 in scores"):
        check(config)


def test_scored_may_name_a_folder(config, pictures):
    with_folder(config, path=str(pictures), side=28, channels=1)
    config["scored"] = {"nll": ["pets"]}
    check(config)
    assert Settings(config).scored == {"nll": ["pets"]}


def test_a_score_whose_list_is_empty_is_computed_where_it_is_named_alone(config, pictures):
    with_folder(config, path=str(pictures), side=32, channels=3)
    check(config)
    assert "pets" in Settings(config).scored["fid"]
    assert not {"fitted", "encoded"} & Settings(config).scored.keys()
    config["scored"] = {"fid": ["pets"], "encoded": ["pets"]}
    assert Settings(config).scored == config["scored"]
    del config["scored"]
    put(config, "presets/paper/scored/fitted", ["cifar10"])  # no longer empty
    assert Settings(config).scored["fitted"] == ["pets"]
    assert "encoded" not in Settings(config).scored


def test_a_folder_that_is_not_there_is_named(config, tmp_path):
    with_folder(config, path=str(tmp_path / "gone"), side=28, channels=1)
    with pytest.raises(SettingsError, match=r"folders\.pets\.path: .*gone is no folder"):
        check(config)
    check(config | {"datasets": ["mnist"]})  # nor is it needed
    (tmp_path / "a{b}").mkdir()
    for number in range(9):
        Image.new("L", (28, 28), number).save(tmp_path / "a{b}" / f"{number}.png")
    with_folder(config, path=str(tmp_path), side=28, channels=1)
    with pytest.raises(SettingsError, match=r"a\{b\}: the engine takes braces for a pattern"):
        check(config)
    shutil.rmtree(tmp_path / "a{b}")
    with_folder(config, path=str(tmp_path), side=28, channels=1)
    with pytest.raises(SettingsError, match=r"folders\.pets: .*no images"):
        check(config)
