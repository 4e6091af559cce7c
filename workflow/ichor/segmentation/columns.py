"""What segmentation reads of the scans table: what else stands there does not make it run again."""

import pandas as pd

IDENTITY = ["center", "patient", "time_point", "image", "voxel_sha256", "reference_mask", "reference_sha256"]
SPACING = ["spacing_x_mm", "spacing_y_mm", "spacing_z_mm"]


def learned_scans(split_rows: pd.DataFrame, scans: pd.DataFrame) -> pd.DataFrame:
    """Scans that planning and training read: those with a reference mask of patients that may be learned from.

    Parameters
    ----------
    split_rows : DataFrame
        Train and tune rows of the splits table of one split.
    scans : DataFrame
        Table ``scans``.
    """
    rows = scans[scans["reference_mask"].notna() & scans["patient"].isin(split_rows["patient"])]
    return rows.sort_values(["center", "patient", "time_point"])[[*IDENTITY, *SPACING]].reset_index(drop=True)


def segmented_scans(scans: pd.DataFrame) -> pd.DataFrame:
    """Scans of a shard with the columns on which its masks and their measures depend."""
    return scans[[*IDENTITY, *SPACING]]


def measured_scans(scans: pd.DataFrame) -> pd.DataFrame:
    """Scans of a shard with the columns on which measures and agreement of its masks depend."""
    return scans[[*IDENTITY, *SPACING, "manufacturer"]]


def measured_masks(masks: pd.DataFrame) -> pd.DataFrame:
    """Masks of a shard with the columns on which their measures depend."""
    return masks[["split", "center", "patient", "time_point", "mask", "mask_sha256", "reason"]]


def rows_of_scans(split_rows: pd.DataFrame, scans: pd.DataFrame) -> pd.DataFrame:
    """Rows of a split's train and tune patients who are among the scans: they say which model may segment whom."""
    return split_rows[split_rows["patient"].isin(scans["patient"])]
