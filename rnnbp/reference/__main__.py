"""``python -m rnnbp.reference [FOLDER [ROOM ...]]`` builds the API reference."""

import sys

from rnnbp.reference.build import build_reference

if __name__ == "__main__":
    try:
        folder, *rooms = sys.argv[1:] or ["build/api"]
        print(f"open {build_reference(folder, rooms)}")
    except (ValueError, ImportError) as error:
        sys.exit(str(error))
