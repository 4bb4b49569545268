"""Downloads the Debian source packages of packages_c.toml and unpacks their C and C++ files under WORK/src/NAME/.

apt-get fetches them from the archive, with lists and settings of its own below WORK/apt, so that the machine's are not
touched. A package that is already there is not downloaded again; one that cannot be had is reported and left out.

    python3 fetch_c.py [--work DIR] [--suite bookworm]
"""

import argparse
import os
import pathlib
import subprocess
import tarfile
import tomllib

from fetch import DEFAULT_WORK

HERE = pathlib.Path(__file__).resolve().parent
ENDINGS = {".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx"}


def packages():
    """The entries of packages_c.toml: name, version, licence, roles."""
    return tomllib.loads((HERE / "packages_c.toml").read_text())["packages"]


def prepare(work, suite):
    """The environment of an apt-get that keeps to WORK/apt."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / "apt" / folder).mkdir(parents=True, exist_ok=True)
    (work / "apt" / "sources.list").write_text(
        f"deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian {suite} main\n")
    (work / "apt" / "apt.conf").write_text(
        f'Dir::State "{work}/apt";\nDir::State::status "/var/lib/dpkg/status";\nDir::Cache "{work}/apt/cache";\n'
        f'Dir::Etc::sourcelist "{work}/apt/sources.list";\nDir::Etc::sourceparts "-";\nAPT::Sandbox::User "root";\n')
    return os.environ | {"APT_CONFIG": str(work / "apt" / "apt.conf")}


def unpack(archives, folder):
    for archive in archives:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = pathlib.PurePath(member.name)
                if member.isfile() and path.suffix in ENDINGS and not path.is_absolute() and ".." not in path.parts:
                    target = folder / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(tar.extractfile(member).read())


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=DEFAULT_WORK)
    arguments.add_argument("--suite", default="bookworm")
    options = arguments.parse_args()
    work = options.work.resolve()
    environment = prepare(work, options.suite)
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
    downloads = work / "debs"
    downloads.mkdir(exist_ok=True)
    for entry in packages():
        folder = work / "src" / entry["name"]
        if folder.exists():
            continue
        wanted = f"{entry['name']}={entry['version']}"
        done = subprocess.run(["apt-get", "source", "-qq", "--download-only", wanted], cwd=downloads, env=environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{wanted}: {done.stderr.strip()}")
            continue
        unpack(sorted(p for p in downloads.glob(f"{entry['name']}_*.orig.tar.*") if p.suffix != ".asc"), folder)
        print(f"{wanted}: {sum(1 for _ in folder.rglob('*.*'))} files", flush=True)


if __name__ == "__main__":
    main()
