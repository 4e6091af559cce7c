"""U-Mamba on today's nnU-Net: a selective scan in plain torch, the Mamba block, and the two networks."""
