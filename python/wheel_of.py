# SPDX-License-Identifier: MIT
"""Build backend (PEP 517): a wheel is a zip file of the package and three files about it (PEP 427)."""
import base64
import hashlib
import os
import zipfile

FIELDS = {"name": "Name", "version": "Version", "description": "Summary", "requires-python": "Requires-Python"}


def _project():
    """pyproject.toml's [project], which has one value a line; tomllib is younger than the Pythons that are served."""
    with open("pyproject.toml", encoding="utf-8") as file:
        lines = file.read().split("[project]")[1].split("\n\n")[0].strip().splitlines()
    return {key: value.strip('"') for key, value in (line.split(" = ", 1) for line in lines)}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    project = _project()
    stem = f"{project['name']}-{project['version']}"
    files = {}
    for name in sorted(os.listdir("spinscale")):
        if name.endswith((".py", ".typed")):
            with open(f"spinscale/{name}", "rb") as file:
                files[f"spinscale/{name}"] = file.read()
    about = [f"{FIELDS[key]}: {value}" for key, value in project.items() if key in FIELDS]
    about = ["Metadata-Version: 2.1", *about, "License: MIT", "Requires-Dist: numpy", ""]
    files[f"{stem}.dist-info/METADATA"] = "\n".join(about).encode()
    kind = ["Wheel-Version: 1.0", "Generator: wheel_of", "Root-Is-Purelib: true", "Tag: py3-none-any", ""]
    files[f"{stem}.dist-info/WHEEL"] = "\n".join(kind).encode()
    record = f"{stem}.dist-info/RECORD"
    rows = [f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
            for name, data in files.items()]
    files[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    wheel = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return wheel
