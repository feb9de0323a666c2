"""The root of every error that a user of camfan can meet."""


class CamfanError(Exception):
    """Something that a person can read and act on; never a bug of ours."""
