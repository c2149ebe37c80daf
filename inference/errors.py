"""The one exception of this package that users are meant to read."""


class PoseError(ValueError):
    """Input that cannot be used; its text is one sentence for the user."""
