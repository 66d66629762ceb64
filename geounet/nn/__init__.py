"""The network: architecture, losses, training, inference. torch and albumentations live here alone."""
