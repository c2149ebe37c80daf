from ...inference.library.records import Licence


def licence_of(path, roots):
    return Licence()
