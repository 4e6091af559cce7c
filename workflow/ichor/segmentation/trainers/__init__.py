"""Trainers of our own on nnU-Net's training loop."""
