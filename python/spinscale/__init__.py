# SPDX-License-Identifier: MIT
"""spinscale: Bayesian prediction with packed binary neural networks.

    with spinscale.Model("shoes.packed") as model:
        told = model.predict(images)
        print(told.predicted, told.confidence, told.mutual_information, told.accepted)

libspinscale-infer does the work; it is found through $SPINSCALE_LIBRARY, beside this package, this Python or ~/.local,
or where the system looks for libraries.
"""
from ._library import (VERSION as __version__, Diverged, Error, FormatError, InputOutputError, Interrupted,
                       InvalidArgument, LibraryNotFound, NotFound, OutOfMemory, Unsupported)
from .model import Model, Predictions, Summary, summarise

__all__ = ["Model", "Predictions", "Summary", "summarise", "Error", "InvalidArgument", "OutOfMemory",
           "InputOutputError", "FormatError", "NotFound", "Unsupported", "Diverged", "Interrupted", "LibraryNotFound",
           "__version__"]
