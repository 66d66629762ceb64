"""The error tree: whatever goes wrong for a reason outside our own code is a GeoUNetError.

A message is one line that says what was found, where, and what to do about it.
"""


class GeoUNetError(Exception):
    """Root of every error that geounet raises on purpose."""


class GridError(GeoUNetError, ValueError):
    """Window, halo, stride or alignment that cannot cover a scene."""


class SceneError(GeoUNetError):
    """A scene that cannot be opened, read, or used with this model."""


class UnreadableError(SceneError):
    """A part of a scene that cannot be read, though the rest can."""


class LabelError(GeoUNetError):
    """Labels that cannot be read, or do not fit their scene."""


class MissError(LabelError):
    """Nothing of a file lies where it is looked for."""


class LegendError(GeoUNetError, ValueError):
    """Class ids, names or colours that contradict each other."""


class ChipsError(GeoUNetError):
    """A folder of training windows that is missing, damaged or of another kind."""


class ModelError(GeoUNetError):
    """A file that is no model, or a model that does not fit what it is asked to do."""


class TrainingError(GeoUNetError):
    """Training that cannot start or go on."""


class PeerError(TrainingError):
    """Another of the processes that train together failed first, and says why; this one has nothing to add."""


class OutputError(GeoUNetError):
    """An output that cannot be written where it was asked for."""


class SettingsError(GeoUNetError, ValueError):
    """A setting outside its range, or two that contradict each other."""
