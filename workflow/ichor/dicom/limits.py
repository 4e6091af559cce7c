"""What one hostile or broken file may cost: memory, time and size limits of the ingest."""

from dataclasses import dataclass

from ichor.confined import Confinement


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
    voxels: int = 200_000_000

    @property
    def header(self) -> Confinement:
        """Limits of reading what a file says of itself."""
        return Confinement(self.header_memory_mb, self.header_seconds, self.file_mb, answer_mb=1)

    @property
    def conversion(self) -> Confinement:
        """Limits of reading all voxels of a file."""
        return Confinement(self.convert_memory_mb, self.convert_seconds, self.file_mb, self.convert_memory_mb)
