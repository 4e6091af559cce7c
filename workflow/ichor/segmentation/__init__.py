"""Hematoma segmentation with nnU-Net, cross-fitted inside every split."""
