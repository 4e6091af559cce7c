"""Everything that goes wrong with head CT series: from clean DICOM to a defective series."""
