"""What one hostile or broken file may cost: memory, time and size limits of the ingest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits under which foreign files are read.

    Attributes
    ----------
    header_memory_mb : int
        Address space of the child process that parses headers, MB.
    header_seconds : float
        Time for the header of one file, s.
    file_mb : int
        Larger files are not opened, MB.
    convert_memory_mb : int
        Address space of dcm2niix for one series, MB.
    convert_seconds : float
        Time of dcm2niix for one series, s.
    voxels : int
        Most voxels of one volume (rows x columns x slices); a 512 x 512 head of 0.3 mm slices has 1.6e8.
    """

    header_memory_mb: int = 1024
    header_seconds: float = 10.0
    file_mb: int = 1024
    convert_memory_mb: int = 4096
    convert_seconds: float = 300.0
    voxels: int = 400_000_000
