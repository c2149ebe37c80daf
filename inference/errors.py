"""The one exception that users are meant to read, and what they are told of any other."""

import logging
from pathlib import Path

LOG = logging.getLogger("photo_pose")
CONTROLS = dict.fromkeys([*range(32), 127], "?")


class PoseError(ValueError):
    """Input that cannot be used; its text is one sentence for the user."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


class DiskError(PoseError):
    """Because of the disk, whatever was to be written: it will not be otherwise for the next."""


def printable(text: str) -> str:
    """The text in one line, with question marks for what is no text in the name of a file, as Python reads it from
    the disk."""
    return text.encode("utf-8", "replace").decode("utf-8").translate(CONTROLS)


def sentence_of(error: Exception, photo: object) -> str:
    """What the user is told of a photo that failed; how it came to an error that nobody foresaw, the log tells."""
    if isinstance(error, PoseError):
        return str(error)
    LOG.debug("Photo '%s' failed.", photo, exc_info=error)
    why = ": ".join(filter(None, [type(error).__name__, *str(error).split("\n")[:1]]))
    return printable(f"Photo '{Path(str(photo)).name}' failed with an unforeseen error ({why}).")
