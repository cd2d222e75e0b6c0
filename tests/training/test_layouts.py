"""Public data sets are read as they are handed around: tiny samples in each one's folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interim.training.data.cityscapes import CLASSES as CITY_CLASSES
from interim.training.data.errors import DataError
from interim.training.data.folder import open_folder
from interim.training.data.sample import VOID
from interim.training.data.voc import palette_color


def put(path: Path, pixels: object) -> None:
    """An image file with these pixels, in a folder made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def grey(path: Path, height: int = 1, width: int = 3) -> None:
    """An image of one grey."""
    put(path, np.full((height, width, 3), 99))


def test_camvid_with_ids(tmp_path: Path) -> None:
    """SegNet's folders: eleven classes, and 11 is not labelled."""
    for split in ("train", "val"):
        grey(tmp_path / split / "0001TP_006690.png")
        put(tmp_path / f"{split}annot" / "0001TP_006690.png", [[0, 10, 11]])
    (tmp_path / "train.txt").write_text("/SegNet/CamVid/train/0001TP_006690.png /x\n")
    data = open_folder(tmp_path)
    assert data.splits == ("train", "val")
    assert (data.classes[0].name, data.classes[10].name, len(data.classes)) == ("Sky", "Bicyclist", 11)
    assert data.read(data.names("train")[0]).labels.tolist() == [[0, 10, VOID]]


def test_camvid_with_colours(tmp_path: Path) -> None:
    """Folders of colours, `_L` after the names, and a table."""
    grey(tmp_path / "train" / "a.png")
    put(tmp_path / "train_labels" / "a_L.png", [[(128, 128, 128), (0, 0, 0), (64, 0, 128)]])
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nSky,128,128,128\nCar,64,0,128\nVoid,0,0,0\n")
    data = open_folder(tmp_path)
    assert data.read("a").labels.tolist() == [[0, VOID, 1]]
    grey(tmp_path / "train" / "b.png")
    with pytest.raises(DataError, match=r"b\.png has no labels: there is neither b\.png nor b_L\.png"):
        open_folder(tmp_path)


def test_cityscapes_with_label_ids(tmp_path: Path) -> None:
    """Label ids become train ids; what is not evaluated is not labelled."""
    grey(tmp_path / "leftImg8bit/train/ulm/ulm_000000_000019_leftImg8bit.png", 1, 4)
    labels = tmp_path / "gtFine/train/ulm/ulm_000000_000019_gtFine_labelIds.png"
    put(labels, [[7, 33, 0, 29]])
    data = open_folder(tmp_path)
    assert data.names("train") == ("ulm/ulm_000000_000019",)
    assert data.read("ulm/ulm_000000_000019").labels.tolist() == [[0, 18, VOID, VOID]]
    assert (data.classes[0].name, data.classes[18].name) == ("road", "bicycle")
    put(labels, [[7, 33, 0, 34]])
    with pytest.raises(DataError, match="holds the label 34 at row 0, column 3"):
        data.read("ulm/ulm_000000_000019")


def test_cityscapes_with_train_ids(tmp_path: Path) -> None:
    """Where they were made, they are taken as they are."""
    grey(tmp_path / "leftImg8bit/val/ulm/ulm_1_2_leftImg8bit.png")
    put(tmp_path / "gtFine/val/ulm/ulm_1_2_gtFine_labelTrainIds.png", [[0, 18, 255]])
    assert open_folder(tmp_path).read("ulm/ulm_1_2").labels.tolist() == [[0, 18, VOID]]
    assert len(CITY_CLASSES) == 19
    grey(tmp_path / "leftImg8bit/val/ulm/ulm_1_3_leftImg8bit.png")
    with pytest.raises(DataError, match=r"ulm_1_3_leftImg8bit\.png has no labels"):
        open_folder(tmp_path)


@pytest.mark.parametrize("below", ["", "VOC2012"])
def test_pascal_voc(tmp_path: Path, below: str) -> None:
    """Palette images, the kit's folder or the year's; 255 is the border of objects."""
    home = tmp_path / below
    grey(home / "JPEGImages" / "2007_000032.jpg")
    lists = home / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000032\n")
    labels = Image.fromarray(np.array([[0, 20, 255]], np.uint8))
    labels.putpalette([level for index in range(256) for level in palette_color(index)])
    (home / "SegmentationClass").mkdir()
    labels.save(home / "SegmentationClass" / "2007_000032.png")
    data = open_folder(tmp_path)
    assert data.splits == ("train",)
    assert data.read("2007_000032").labels.tolist() == [[0, 20, VOID]]
    labels.convert("RGB").save(home / "SegmentationClass" / "2007_000032.png")
    assert data.read("2007_000032").labels.tolist() == [[0, 20, VOID]]
    assert (data.classes[15].name, data.classes[15].color) == ("person", (192, 128, 128))


def own_folder(root: Path, count: int) -> Path:
    """Images and masks of two classes, without lists."""
    for index in range(count):
        grey(root / "images" / f"IMG_{index:03}.JPG")
        put(root / "masks" / f"IMG_{index:03}.png", [[0, 1, 1]])
    (root / "classes.txt").write_text("background\nroad\n")
    return root


def test_a_folder_of_ones_own_is_split(tmp_path: Path) -> None:
    """A fifth is for validation, nothing is in both, and the same again the next time."""
    data = open_folder(own_folder(tmp_path, 20))
    train, val = data.names("train"), data.names("val")
    assert (len(train), len(val), len({*train, *val})) == (16, 4, 20)
    assert open_folder(tmp_path).names("val") == val
    assert data.read(val[0]).labels.tolist() == [[0, 1, 1]]


def test_lists_of_ones_own_go_before(tmp_path: Path) -> None:
    """A folder with lists has the splits that they name; classes.txt is none."""
    (own_folder(tmp_path, 3) / "train.txt").write_text("IMG_002\n")
    data = open_folder(tmp_path)
    assert (data.splits, data.names("train")) == (("train",), ("IMG_002",))


def test_other_lists_are_kept_out(tmp_path: Path) -> None:
    """What test.txt names is in neither split that is made; a text that lists nothing does no harm."""
    root = own_folder(tmp_path, 12)
    (root / "test.txt").write_text("IMG_000\nIMG_001\n")
    (root / "README.txt").write_text("Taken in May.\n")
    data = open_folder(root)
    assert data.splits == ("README", "test", "train", "val")
    made = {*data.names("train"), *data.names("val")}
    assert len(made) == 10
    assert not made & set(data.names("test"))


def test_images_without_masks_are_counted(tmp_path: Path) -> None:
    """How many, which comes first, and two ways out."""
    (own_folder(tmp_path, 4) / "masks" / "IMG_001.png").unlink()
    with pytest.raises(
        DataError, match=r"1 of 4 images have no labels: add .*IMG_001\.png, or list .*train\.txt"
    ):
        open_folder(tmp_path).names("train")


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    """Nobody could tell which one the mask is for."""
    grey(own_folder(tmp_path, 2) / "images" / "IMG_001.png")
    with pytest.raises(DataError, match=r"IMG_001\.JPG and IMG_001\.png have one name"):
        open_folder(tmp_path).names("train")


def test_masks_have_one_home(tmp_path: Path) -> None:
    """Both masks/ and labels/, or neither, is a mistake."""
    (own_folder(tmp_path, 2) / "labels").mkdir()
    with pytest.raises(DataError, match="both labels/ and masks/"):
        open_folder(tmp_path).names("train")
