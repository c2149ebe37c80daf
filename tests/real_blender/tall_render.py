"""Runs in the Blender that is driven: gives the render a tall shape, into which no wide photo fits by its height."""

import bpy


def make_tall() -> None:
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = 600, 900


bpy.app.timers.register(make_tall, first_interval=3)
