"""What operators with long work share: blocking in scripts and headless, with progress and Esc in the interface."""

from __future__ import annotations

import time

import bpy

from ..inference.errors import PoseError
from .journal import LOG
from .packages import require_packages as require_packages  # what nearly every long work begins with


class StepsOperator:
    """Mixin: a subclass gives `steps(context)`, a generator that reports and changes the scene only at its end.

    Closing the generator early (Esc, or an error) must leave the scene as it was.
    """

    def execute(self, context: bpy.types.Context) -> set[str]:
        self._start(context)
        result = {"RUNNING_MODAL"}
        while result == {"RUNNING_MODAL"}:
            result = self._step(context)
        return result

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event | None) -> set[str]:
        self._start(context)
        self._timer = context.window_manager.event_timer_add(0.01, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC":
            self.cancel(context)
            self.report({"INFO"}, "Cancelled, nothing was changed")
            return {"CANCELLED"}
        return self._step(context) if event.type == "TIMER" else {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        self._steps.close()
        self._end(context)

    def _start(self, context: bpy.types.Context) -> None:
        self._timer, self._began = None, time.perf_counter()
        self._steps = self.steps(context)
        context.window_manager.progress_begin(0, 1)

    def _step(self, context: bpy.types.Context) -> set[str]:
        try:
            self._show(context, next(self._steps))
            return {"RUNNING_MODAL"}
        except StopIteration:
            LOG.info("%s took %.1f s", self.bl_label, time.perf_counter() - self._began)
            result = {"FINISHED"}
        except PoseError as error:
            LOG.warning("%s: %s", self.bl_label, error)
            self.report({"ERROR"}, str(error))
            result = {"CANCELLED"}
        except BaseException:
            self._end(context)
            raise
        self._end(context)
        return result

    def _show(self, context: bpy.types.Context, progress: float) -> None:
        context.window_manager.progress_update(progress)
        if context.workspace:
            context.workspace.status_text_set(f"{self.bl_label}: {progress:.0%} (Esc to cancel)")

    def _end(self, context: bpy.types.Context) -> None:
        context.window_manager.progress_end()
        if context.workspace:
            context.workspace.status_text_set(None)
        if self._timer:
            context.window_manager.event_timer_remove(self._timer)
