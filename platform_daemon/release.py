"""Which release this is. The distribution's metadata say the same; to read them takes a tenth of the daemon's start."""

VERSION = "0.1.0"
