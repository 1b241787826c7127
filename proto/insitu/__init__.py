"""Insitu: on-device machine learning. `insitu.v1` holds the protocol; see the repository for the other packages."""
