"""The network: architecture, losses, training, inference. torch and albumentations live here alone."""

import os

# OpenMP's threads wait for each other by spinning, unless told otherwise before torch is loaded. Where files are
# decoded at the same time they take the core from the thread they wait for: a map of 15 s was seen to take 146 s.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
