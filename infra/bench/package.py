"""Prints how many bytes a zip of these files and folders has, packed as well as zip can. Only the standard library.

    python3 infra/bench/package.py PATH...
"""

import io
import sys
import zipfile
from pathlib import Path


def files(path):
    if path.is_file():
        yield path, path.name
    for inner in sorted(path.rglob("*")) if path.is_dir() else []:
        # Compiled files hold the time of their making; advice is to leave them out.
        if inner.is_file() and "__pycache__" not in inner.parts:
            yield inner, str(inner.relative_to(path.parent))


def main(paths):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in map(Path, paths):
            if not path.exists():
                sys.exit(f"{path} is not there")
            for file, name in files(path):
                archive.write(file, name)
    print(packed.getbuffer().nbytes)


if __name__ == "__main__":
    main(sys.argv[1:])
