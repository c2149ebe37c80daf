"""What operators with long work share: blocking in scripts and headless, with progress and Esc in the interface."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any
from weakref import WeakSet

import bpy
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_

from ...inference.errors import PoseError
from ...inference.steps import Counted, Steps, Work, aside
from .log import LOG
from .python_packages import NEEDS
from .python_packages import require_packages as require_packages  # what nearly every long work begins with
from .time_left import Countdown
from .worker import responsive

LOOKING = {  # around in the views, which goes on meanwhile; whatever changes the file waits
    *("MOUSEMOVE", "INBETWEEN_MOUSEMOVE", "MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN"),
    *("TRACKPADZOOM", "MOUSEROTATE", "MOUSESMARTZOOM", "NDOF_MOTION", "WINDOW_DEACTIVATE"),
}
CALM = 0.1  # s between two tellings of progress
MATCHING = ((0.0, "Training Views"), (0.5, "Matching"))  # phases of operators that prepare and then match
_running: WeakSet[Generator[Any, None, None]] = WeakSet()  # in the interface


class StepsOperator:
    """Mixin: a subclass gives `steps(context)`, a generator that reports and changes the scene only at its end.

    Closing the generator early (Esc, or an error) must leave the scene as it was.
    """

    # Without REGISTER: Adjust Last Operation would do minutes of work again in one go, without Esc
    bl_options = {"UNDO"}
    phases = ((0.0, "Working"),)  # what is done from which progress on
    needs: Sequence[str] = NEEDS  # that are imported before the first step
    _warnings: Sequence[str] = ()
    cancelled = n_("Cancelled, nothing was changed")  # what Esc says
    outcome = "FINISHED"  # of steps that end; they set CANCELLED where nothing was to be changed, for no undo step

    def execute(self, context: bpy.types.Context) -> set[str]:
        self._steps = self._shown(context, self._supplied(context))
        result = {"RUNNING_MODAL"}
        while result == {"RUNNING_MODAL"}:
            result = self._step()
        return result

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event | None) -> set[str]:
        self._steps = until_undo(self._timed(context, responsive(self._supplied(context))))
        result = self._step()
        if result == {"RUNNING_MODAL"}:
            context.window_manager.modal_handler_add(self)
        return result

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if was_stopped(self._steps):
            return {"CANCELLED", "PASS_THROUGH"}
        if event.type == "ESC":
            self.cancel(context)
            self.report({"INFO"}, self.cancelled)
            return {"CANCELLED"}
        if event.type == "TIMER":
            return self._step()
        return {"PASS_THROUGH"} if event.type in LOOKING else {"RUNNING_MODAL"}

    def cancel(self, _context: bpy.types.Context) -> None:
        self._steps.close()

    def warn(self, text: str) -> None:
        """Reports it when the steps end, after what they report: that is what is seen."""
        self._warnings = (*self._warnings, text)

    def _supplied(self, context: bpy.types.Context) -> Steps[None]:
        """The steps, once the packages they need are imported."""
        if self.needs:
            yield from aside(require_packages, *self.needs)
        yield from self.steps(context)

    def _step(self) -> set[str]:
        try:
            next(self._steps)
        except StopIteration:
            return {self.outcome}
        except PoseError as error:
            LOG.warning("%s: %s", self.bl_label, error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"RUNNING_MODAL"}

    def _timed(self, context: bpy.types.Context, steps: Steps[None]) -> Steps[None]:
        """The same steps, with events that ask for the next one."""
        timer = context.window_manager.event_timer_add(0.01, window=context.window)
        try:
            yield from self._shown(context, steps)
        finally:
            context.window_manager.event_timer_remove(timer)

    def _shown(self, context: bpy.types.Context, steps: Steps[None]) -> Steps[None]:
        """The same steps, their progress on screen until they end, in whatever way."""
        manager, workspace, began = context.window_manager, context.workspace, time.perf_counter()
        self._countdown, self._told = Countdown(), (-1.0, 0.0)
        self._warnings = ()
        try:
            with closing(steps):
                for step in steps:
                    if not isinstance(step, Work):
                        self._show(context, step)
                    yield step
            LOG.info("%s took %.1f s", self.bl_label, time.perf_counter() - began)
            for text in self._warnings:
                LOG.warning(text)
                self.report({"WARNING"}, text)
        finally:
            manager.photo_pose.stage = ""
            if workspace:
                workspace.status_text_set(None)
            _redraw(manager)

    def _show(self, context: bpy.types.Context, progress: float) -> None:
        manager, status = context.window_manager, context.window_manager.photo_pose
        now = time.monotonic()
        before, then = self._told
        if progress == before or now < then + CALM:
            return
        self._told = progress, now
        status.stage, status.detail = self._in_words(progress, now)
        status.progress = progress
        if context.workspace:
            told = iface_("{operator}: {stage}, {detail} (Esc to cancel)")
            told = told.format(operator=iface_(self.bl_label, "Operator"), stage=status.stage, detail=status.detail)
            context.workspace.status_text_set(told)
        _redraw(manager)

    def _in_words(self, progress: float, now: float) -> tuple[str, str]:
        """What is done, and how much of it: in percent, or what is counted with the time that its rest will take."""
        if not isinstance(progress, Counted):
            word = next(word for start, word in reversed(self.phases) if start <= progress)
            return iface_(word), f"{progress:.0%}"
        left = self._countdown.left(progress, now)
        told = iface_("{done} of {count}, {time} left") if left else iface_("{done} of {count}")
        return progress.what, told.format(done=progress.done, count=progress.count, time=left)


class FileOperator(StepsOperator):
    """Mixin: where no file is named the user chooses it first; then it works as from a button, with progress and Esc.

    Blender calls `execute` when the user has chosen, `cancel` when the file browser is closed.
    """

    asked = "filepath"  # the property that names it
    suggested = ""  # name of the file
    _asking = False  # whether the file browser is open

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        if getattr(self, self.asked):
            return super().invoke(context, event)
        setattr(self, self.asked, self.suggested)
        self._asking = True
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self._asking:
            return super().execute(context)
        self._asking = False
        return super().invoke(context, None)

    def cancel(self, context: bpy.types.Context) -> None:
        if not self._asking:  # else nothing has begun
            super().cancel(context)


def _redraw(manager: bpy.types.WindowManager) -> None:
    """What tells of progress: sidebars and preferences."""
    for area in (area for window in manager.windows for area in window.screen.areas):
        kind = {"VIEW_3D": "UI", "PREFERENCES": "WINDOW"}.get(area.type)
        for region in (region for region in area.regions if region.type == kind):
            region.tag_redraw()


def until_undo(running: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """The same generator, which an undo, a redo or a load closes before it begins."""
    _running.add(running)
    return running


def was_stopped(running: Generator[Any, None, None]) -> bool:
    return getgeneratorstate(running) == GEN_CLOSED


@persistent
def stop_all(*_arguments: object) -> None:
    """Cancels what runs: its data-blocks would be gone after an undo, which another window can ask for, or a load."""
    for running in list(_running):
        running.close()


HANDLERS = (bpy.app.handlers.undo_pre, bpy.app.handlers.redo_pre, bpy.app.handlers.load_pre)


def register() -> None:
    for handlers in HANDLERS:
        handlers.append(stop_all)


def unregister() -> None:
    stop_all()
    for handlers in HANDLERS:
        handlers.remove(stop_all)
