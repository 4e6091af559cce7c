"""Diffusion-UKAN: a denoising diffusion model of hematoma crops whose noise predictor holds KAN layers."""
