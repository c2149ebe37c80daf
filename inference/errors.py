"""The one exception of this package that users are meant to read."""


class PoseError(ValueError):
    """Input that cannot be used; its text is one sentence for the user."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def printable(text: str) -> str:
    """The text, with question marks for what is no text in the name of a file, as Python reads it from the disk."""
    return text.encode("utf-8", "replace").decode("utf-8")
