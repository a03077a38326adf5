"""Applications built with the rest of the package: NETtalk and spoken digits."""
