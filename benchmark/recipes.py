"""What the benchmark's pictures show: models in two halves, and how every picture is taken, from fixed seeds."""

from __future__ import annotations

import hashlib
from math import radians
from typing import NamedTuple

import numpy as np

from benchmark.sensor import Sensor

VERSION = 1  # of the way recipes become pictures; raise it to have all pictures rendered anew
EACH = 9  # pictures of every model
FRONT = 110.0  # degrees: the front and the sides

HDRIS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
SIZES = ((640, 480), (640, 480), (640, 480), (480, 640), (480, 640), (600, 600), (768, 512), (720, 405))


class Subject(NamedTuple):
    """A model to photograph. symmetry: in how many turns about the vertical it looks alike;
    within: degrees about its front from which it is photographed, less than all where its back shows nothing."""

    name: str
    category: str
    symmetry: int = 1
    within: float = 180.0


# Nothing is learnt or chosen on the test half.
HALVES = {
    "tuning": (
        Subject("blendswap-cc-0/oakChair", "chair"),
        Subject("katorlegaz/office-chair", "chair"),
        Subject("scopia/armchair2", "armchair"),
        Subject("blendswap-cc-by/sofa3", "sofa"),
        Subject("scopia/kids_wooden_desk", "table"),
        Subject("scopia/table_wood_and_iron", "table", symmetry=2),
        Subject("scopia/desk_lamp1", "lamp"),
        Subject("blendswap-cc-0/kitchenaid", "kitchen"),
        Subject("blendswap-cc-by/microwave", "appliance", within=FRONT),
        Subject("blendswap-cc-0/toiletsUnit", "bathroom"),
        Subject("blendswap-cc-by/toyTrain", "toy"),
        Subject("blendswap-cc-0/caballito", "toy"),
        Subject("blendswap-cc-by/piano", "instrument", within=FRONT),
        Subject("katorlegaz/scooter", "vehicle"),
        Subject("scopia/stroller", "vehicle"),
        Subject("blendswap-cc-0/horse2", "animal"),
        Subject("scopia/bonsai-tree", "plant"),
    ),
    "test": (
        Subject("blendswap-cc-0/chair", "chair"),
        Subject("blendswap-cc-by/foldingChair", "chair"),
        Subject("blendswap-cc-by/classSeat", "chair"),
        Subject("blendswap-cc-0/winchesterArmchair", "armchair"),
        Subject("blendswap-cc-0/L_shaped_sofa", "sofa"),
        Subject("blendswap-cc-by/biurko3", "table"),
        Subject("blendswap-cc-by/table", "table", symmetry=2),
        Subject("scopia/desk_lamp2", "lamp"),
        Subject("katorlegaz/coffee-maker", "kitchen"),
        Subject("scopia/bathroom_vanity", "bathroom", within=FRONT),
        Subject("blendswap-cc-by/carrito-de-madera", "toy"),
        Subject("blendswap-cc-0/cartoon_biplane", "toy"),
        Subject("blendswap-cc-0/electricGuitar", "instrument"),
        Subject("scopia/tricycle", "vehicle"),
        Subject("blendswap-cc-by/bulldog", "animal"),
        Subject("scopia/reflex_camera", "electronics"),
        Subject("blendswap-cc-0/orchids", "plant"),
    ),
}
SUBJECTS = {subject.name: subject for half in HALVES.values() for subject in half}

CLUTTER = (
    *("scopia/puff", "scopia/cardboard-box", "scopia/wood_bank", "scopia/complements2", "scopia/cat"),
    *("blendswap-cc-0/crate", "blendswap-cc-0/barrel", "blendswap-cc-0/dustbin", "blendswap-cc-0/ammoBox"),
    *("blendswap-cc-0/stool", "blendswap-cc-0/silla2", "blendswap-cc-0/osakaChair", "blendswap-cc-0/shelves"),
    *("blendswap-cc-0/bedsideTable2", "blendswap-cc-0/littlePlant", "blendswap-cc-0/basketball"),
    *("blendswap-cc-by/suitcase", "blendswap-cc-by/gift", "blendswap-cc-by/succulentPlant"),
)


class Frame(NamedTuple):
    """Where the model's box is to be: extent, its larger share of the picture's width or height; place, 0..1 of
    the room left in x and y; cut: the shares of the box beyond the picture's border in x and y, signed."""

    extent: float
    place: tuple[float, float]
    cut: tuple[float, float]


class Recipe(NamedTuple):
    """How to take one picture. Angles in radians, lens in mm on 36 mm; backdrop: a photo's number, None for
    the HDRI itself; jitter: of the box's four edges in shares of its size; seed: of the stage's details."""

    model: str
    number: int
    size: tuple[int, int]
    lens: float
    azimuth: float
    elevation: float
    roll: float
    frame: Frame
    hdri: str
    backdrop: int | None
    floor: bool
    clutter: tuple[str, ...]
    occluder: str | None
    new_materials: bool
    sensor: Sensor
    jitter: tuple[float, float, float, float]
    seed: int

    @property
    def id(self) -> str:
        """The picture's name, another one for every other recipe."""
        digest = hashlib.sha256(repr((VERSION, self)).encode()).hexdigest()
        return f"{self.model.replace('/', '_')}_{self.number:02d}_{digest[:8]}"


def recipes(half: str) -> list[Recipe]:
    """All pictures of a half, "tuning" or "test"; the first one of every model comes first, then the second ones."""
    return [recipe_of(subject, number) for number in range(EACH) for subject in HALVES[half]]


def recipe_of(subject: Subject, number: int) -> Recipe:
    seed = int.from_bytes(hashlib.sha256(f"{subject.name} {number}".encode()).digest()[:4], "little")
    random = np.random.default_rng(seed)
    return Recipe(
        model=subject.name,
        number=number,
        size=SIZES[random.integers(len(SIZES))],
        lens=float(np.exp(random.uniform(np.log(24), np.log(85)))),
        azimuth=radians(random.uniform(-subject.within, subject.within)),
        elevation=radians(random.triangular(-5, 18, 70)),
        roll=radians(random.uniform(-25, 25) if random.random() < 0.2 else random.normal(0, 3)),
        frame=_frame(random),
        hdri=HDRIS[random.integers(len(HDRIS))],
        backdrop=int(random.integers(1000)) if random.random() < 0.5 else None,
        floor=bool(random.random() < 0.7),
        clutter=tuple(str(name) for name in random.choice(CLUTTER, random.integers(0, 4), replace=False)),
        occluder=str(random.choice(CLUTTER)) if random.random() < 0.15 else None,
        new_materials=number % 2 == 1,
        sensor=Sensor.random(random),
        jitter=tuple(float(share) for share in random.uniform(-0.05, 0.05, 4)),
        seed=seed,
    )


def _frame(random: np.random.Generator) -> Frame:
    place = np.clip(random.normal(0.5, 0.25, 2), 0, 1)
    cut = np.zeros(2)
    if random.random() < 0.1:
        cut[random.integers(2)] = random.uniform(0.1, 0.3) * random.choice([-1, 1])
    return Frame(float(random.uniform(0.45, 0.85)), tuple(map(float, place)), tuple(map(float, cut)))
