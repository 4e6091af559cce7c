"""Merge the centers: all scans, all patients; one scan of two patients and one patient of two centers are found."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ichor import tables
from ichor.errors import StudyError
from ichor.reasons import Reason

POLICIES = ("stop", "set_aside")
