"""Downloads the packages of packages.toml and unpacks them under WORK/src/ROLE/NAME-VERSION/.

A package with several roles is unpacked once, under its first role. WORK/manifest.json lists what
is there: name, version, roles, the licence that the package's own metadata states, and the sha256
of the archive. A package that cannot be had is reported and left out; a package that is already
there is not downloaded again.

    python3 fetch.py [--work DIR] [--only NAME ...]
"""

import argparse
import email.parser
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_WORK = HERE.parent.parent / ".work" / "data"
STDLIB = "python-stdlib"


def packages():
    """The entries of packages.toml: name, version, licence, roles, form (wheel, sdist or
    stdlib).
    """
    entries = tomllib.loads((HERE / "packages.toml").read_text())["packages"]
    return [{"form": "sdist" if e["roles"] == ["heldout"] else "wheel"} | e for e in entries]


def folder(work, entry):
    return work / "src" / entry["roles"][0] / f"{entry['name']}-{entry['version']}"


def licence_of(metadata):
    """The licence named in a core-metadata text: its expression, else its classifiers, else its
    licence field.
    """
    message = email.parser.HeaderParser().parsestr(metadata)
    expression = message.get("License-Expression")
    if expression:
        return expression
    names = [
        c.split(" :: ")[-1]
        for c in message.get_all("Classifier", [])
        if c.startswith("License :: ")
    ]
    names = [n for n in names if n != "OSI Approved"]
    field = (message.get("License") or "").strip().split("\n")[0]
    return " / ".join(names) or field or "not stated"


def download(name, version, form, into):
    """The archive of one release, by pip. Raises CalledProcessError when there is none."""
    which = ["--only-binary", ":all:"] if form == "wheel" else ["--no-binary", name]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        *which,
        "-d",
        str(into),
        f"{name}=={version}",
    ]
    subprocess.run(command, check=True, timeout=600)
    return next(p for p in into.iterdir() if p.is_file())


def unpack(archive, into):
    """Unpacks a wheel or sdist; an sdist's single top folder is stripped. Returns the licence its
    metadata states.
    """
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as z:
            z.extractall(into)
    else:
        with tarfile.open(archive) as t:
            t.extractall(into, filter="data")
    inside = list(into.iterdir())
    if archive.suffix != ".whl" and len(inside) == 1 and inside[0].is_dir():
        # The inner folder may hold an entry of its own name, so it steps aside first.
        top = inside[0].rename(into / ".unpacked")
        for p in top.iterdir():
            p.rename(into / p.name)
        top.rmdir()
    found = sorted(into.glob("*.dist-info/METADATA")) or sorted(into.glob("PKG-INFO"))
    return licence_of(found[0].read_text(errors="replace")) if found else "not stated"


def fetch(work, entry):
    """Puts one package in place and returns its manifest entry."""
    target = folder(work, entry)
    record = {"name": entry["name"], "version": entry["version"], "roles": entry["roles"]}
    with tempfile.TemporaryDirectory(dir=work) as temporary:
        temporary = pathlib.Path(temporary)
        if entry["form"] == "stdlib":
            source = pathlib.Path(sysconfig.get_paths()["stdlib"])
            drop = shutil.ignore_patterns(
                "site-packages",
                "test",
                "tests",
                "idlelib",
                "lib2to3",
                "lib-dynload",
                "__pycache__",
                "turtledemo",
                "ensurepip",
                "config-*",
            )
            shutil.copytree(source, temporary / "out", ignore=drop)
            record |= {"licence": "PSF-2.0", "sha256": None}
        else:
            (temporary / "archive").mkdir()
            archive = download(
                entry["name"], entry["version"], entry["form"], temporary / "archive"
            )
            record["sha256"] = hashlib.sha256(archive.read_bytes()).hexdigest()
            record["licence"] = unpack(archive, temporary / "out")
        target.parent.mkdir(parents=True, exist_ok=True)
        (temporary / "out").rename(target)
    return record


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=DEFAULT_WORK)
    arguments.add_argument("--only", nargs="*")
    options = arguments.parse_args()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    path = work / "manifest.json"
    manifest = (
        {(r["name"], r["version"]): r for r in json.loads(path.read_text())}
        if path.exists()
        else {}
    )
    failed = []
    for entry in packages():
        key = entry["name"], entry["version"]
        if options.only and entry["name"] not in options.only:
            continue
        if key in manifest and folder(work, entry).is_dir():
            manifest[key]["roles"] = entry["roles"]
            continue
        try:
            manifest[key] = fetch(work, entry)
            print(
                f"{entry['name']} {entry['version']}: {manifest[key]['licence']}", file=sys.stderr
            )
        except (
            subprocess.SubprocessError,
            OSError,
            StopIteration,
            tarfile.TarError,
            zipfile.BadZipFile,
        ) as error:
            failed.append(entry["name"])
            print(f"{entry['name']} {entry['version']}: left out: {error}", file=sys.stderr)
        path.write_text(
            json.dumps(sorted(manifest.values(), key=lambda r: (r["roles"], r["name"])), indent=1)
            + "\n"
        )
    path.write_text(
        json.dumps(sorted(manifest.values(), key=lambda r: (r["roles"], r["name"])), indent=1)
        + "\n"
    )
    print(f"{len(manifest)} packages, {len(failed)} left out: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
