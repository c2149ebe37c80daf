"""Trains a network of the user's own on rendered views of the models: the operator, and what the command shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...inference.errors import PoseError, printable
from ...inference.networks.backends import require_torch
from ...inference.networks.registry import REGRESSORS
from ...inference.steps import Steps, all_aside, shares, within
from ...preferences import preferred
from ...properties import StandsProperty
from ..blender.missing_textures import warn_of_lacking
from ..blender.models import chosen_models, evaluated
from ..running.log import LOG
from ..running.long_operator import FileOperator

if TYPE_CHECKING:
    from ...inference.networks.training import Training

VIEWS, EPOCHS = 300, 20  # of each model
RENDERED = 0.2  # part of the whole work, as progress shows it
NETWORK_ITEMS = (
    (REGRESSORS[1], "Fine-Tuned", "The bundled network trained further; tells roll and how sure it is"),
    (REGRESSORS[0], "From Scratch", "The paper's network; needs many views and much time"),
)


def train_on(
    roots: Sequence[bpy.types.Object],
    path: Path,
    *,
    network: str = REGRESSORS[1],
    sphere: str = "UPPER",
    views: int = VIEWS,
    epochs: int = EPOCHS,
    backgrounds: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    keep: bool = False,
    resume: bool = False,
    warn: Callable[[str], None] = LOG.warning,
) -> Steps[Training]:
    """Renders `views` random views of every model, trains a regressor before photos of the folder backgrounds (else
    patterns) and writes it to path.

    keep: progress is kept in a checkpoint beside it until the end, from where resume goes on.
    warn is told, in a sentence, of a model that lacks textures and of a background that cannot be read.
    """
    require_torch("Training networks")
    import torch

    from ...inference.networks.augmentation import Views
    from ...inference.networks.augmentation import backgrounds as make_backgrounds
    from ...inference.networks.learners import LEARNERS
    from ...inference.networks.regressor import save_regressor
    from ...inference.networks.training import train
    from ..pictures.rendered_views import random_views

    if path.suffix.lower() != ".npz":
        raise PoseError(f'The name of the network file, "{path.name}", must end with .npz.')
    backdrops = make_backgrounds(backgrounds, seed=seed, warn=warn)
    checkpoint = path.with_suffix(".checkpoint") if keep or resume else None
    parts = []
    for number, (root, part) in enumerate(shares(roots, 0.0, RENDERED)):
        with evaluated(root) as model:
            warn_of_lacking(model.name, model.lacking, warn)
            steps = random_views(model, views, sphere, np.random.default_rng([seed, number]))
            parts.append((yield from within(steps, *part))._replace(model=np.full(views, number)))
    shown = Views(*(np.concatenate(field) for field in zip(*parts, strict=True)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        started = LEARNERS[network]()
    options = {"epochs": epochs, "seed": seed, "device": device, "checkpoint": checkpoint, "resume": resume}
    training = yield from within(all_aside(train)(started, shown, backdrops, **options), RENDERED, 1.0)
    errors = [round(float(np.degrees(error)), 2) for error in training.errors]
    about = {"models": [root.name for root in roots], "views": views, "seed": seed, "errors": errors}
    save_regressor(training.network, path, {**about, "best": training.best})
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return training


class PHOTOPOSE_OT_train_regressor(StandsProperty, FileOperator, bpy.types.Operator):
    bl_idname = "photopose.train_regressor"
    bl_label = "Train Regressor"
    bl_description = (
        "Train a network that names the direction of these models in a photo at once, and choose it for matching"
    )
    phases = ((0.0, "Rendering"), (RENDERED, "Training"))
    suggested = "regressor.npz"

    filepath: StringProperty(
        name="Network File", subtype="FILE_PATH", description="Where it is kept", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})
    network: EnumProperty(name="Network", items=NETWORK_ITEMS, description="Which network is trained")
    views: IntProperty(name="Views", default=VIEWS, min=20, description="Rendered views of each model")
    epochs: IntProperty(name="Epochs", default=EPOCHS, min=1, description="How often every view is learnt at most")
    backgrounds: StringProperty(name="Backgrounds", subtype="DIR_PATH", description="Folder of photos; else patterns")
    seed: IntProperty(name="Seed", min=0, description="The same seed gives the same network")
    resume: BoolProperty(
        name="Resume", description="Keep what is learnt beside the file when cancelled, and go on from there"
    )

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        if not self.filepath:
            raise PoseError("Choose a file for the network.")
        from ...inference.views.view_options import sphere_for

        path = Path(bpy.path.abspath(self.filepath))
        backgrounds = Path(bpy.path.abspath(self.backgrounds)) if self.backgrounds else None
        names = ("network", "views", "epochs", "seed", "resume")
        options = {name: getattr(self, name) for name in names} | {"device": preferred().device, "warn": self.warn}
        options["sphere"] = sphere_for(self.stands)
        training = yield from train_on(
            chosen_models(context.scene, warn=self.warn), path, backgrounds=backgrounds, **options
        )
        context.scene.photo_pose.network = printable(str(path))
        error = np.degrees(training.errors[training.best])
        told = rpt_("{file} is trained; other views of the models are {error:.1f}° off in the mean")
        self.report({"INFO"}, told.format(file=printable(path.name), error=error))


classes = (PHOTOPOSE_OT_train_regressor,)
