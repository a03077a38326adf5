"""Files bundled with the package, verified by checksums."""

import hashlib
from pathlib import Path

from rnnbp.runtime import choice

SHA256 = {
    "JapaneseVowels_TEST.ts.gz": "b7791f09f8d528e40938ca0177d45822969c3bfe81d28426577dfcdc46c53dc9",
    "JapaneseVowels_TRAIN.ts.gz": "4da778886d904651f01a3a60e06d11ee0dc4200be43c1b29539f4b3b8bc6b197",
    "cmudict-20k.LICENSE": "bd4ce8e44170a5f9f481310ca85c51de3c4f851a65e679b40e603b143bd3542a",
    "cmudict-20k.dict.gz": "573570c340fa21224b05ce85120d0ec5a01325fbcab4930cc67440adf98c6251",
    "digits.csv.gz": "02633070f0eba52475fb2cfaedcf256826aa2b6c462429e2e6d0826619fc55c9",
    "shakespeare.txt.gz": "bed00f18e91cda6838950656f0a95e07e0f4dbe8649a4b959f7602a7e53fbc6e",
    "sunspots.csv": "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
}


def bundled(name: str) -> Path:
    """Return the path of a bundled file after a check of its checksum.

    An installed package has them in its folder `bundled`, a checkout in `data` beside it.

    Parameters
    ----------
    name : str

    Raises
    ------
    ValueError
        If there is no such file, or its checksum differs.
    FileNotFoundError
        If the installation lacks it.

    Examples
    --------
    >>> bundled("sunspots.csv").name
    'sunspots.csv'
    """
    path = bundled_path(choice("name", name, SHA256))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256[name]:
        raise ValueError(f"{name} has been changed: its SHA-256 is {found}, it should be {SHA256[name]}")
    return path


def bundled_path(name: str) -> Path:
    """Return the path of a bundled file, whatever is in it.

    Raises
    ------
    FileNotFoundError
        If the installation lacks it.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "bundled", package.parent / "data"):
        path = folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name} is missing from this installation: install rnnbp again")
