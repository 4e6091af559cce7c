"""Raw DICOM and NIfTI folders to one accepted scan per patient and time point."""
