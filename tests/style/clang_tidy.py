#!/usr/bin/env python3
"""clang-tidy over agent/ and loader/, as many files at once as there are processors.

A file that passed is remembered by the hash of itself, of our headers that it includes at any depth
and of .clang-tidy, so only what changed is looked at again.
Usage: clang_tidy.py BUILD_DIR [FILE...]
"""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def flags(build):
    # Not compile_commands.json: a g++ build has options that clang does not know.
    defines = ["-DXM_HAVE_IPSEC_MB"] if pathlib.Path("/usr/include/intel-ipsec-mb.h").exists() else []
    return ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Wshadow",
            "-I.", "-Iinclude", f"-I{build}/generated", "-isystem", f"{build}/bpf", *defines]


def flags_of(source):
    # BoringSSL's headers have OpenSSL's names: one file alone sees them.
    boringssl = pathlib.Path("/usr/include/android")
    if not source.endswith("aead_boringssl.cpp") or not boringssl.exists():
        return []
    return [f"-isystem{boringssl}", '-DXM_BORINGSSL_LIBRARY="libcrypto.so.0"']


def with_headers(source, seen):
    """Adds to seen the file and all of our headers that it includes, at any depth."""
    if source in seen or not source.exists():
        return
    seen.add(source)
    for name in INCLUDE.findall(source.read_text()):
        with_headers(ROOT / ("include" if name.startswith("xdpmesh/") else "") / name, seen)


def key_of(source, seed):
    files = set()
    with_headers(ROOT / source, files)
    key = hashlib.sha256(seed + source.encode())
    for path in sorted(files):
        key.update(path.read_bytes())
    return key.hexdigest()


def examine(source, arguments, seed, cache):
    """(source, what clang-tidy said or None when the file is clean)."""
    stamp = cache / key_of(source, seed)
    if stamp.exists():
        return source, None
    run = subprocess.run(["clang-tidy", "-quiet", source, "--", *flags_of(source), *arguments], capture_output=True,
                         text=True, check=False, cwd=ROOT)
    if run.returncode == 0:
        stamp.touch()
        return source, None
    return source, run.stdout + run.stderr


def cache_folder():
    # Like ccache's: the user's, for all clones.
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(home) / "xdp-mesh" / "clang-tidy"


def main():
    build, cache = pathlib.Path(sys.argv[1]).resolve(), cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    sources = sys.argv[2:] or sorted(
        path.relative_to(ROOT).as_posix()
        for top in ("agent", "loader") for path in (ROOT / top).rglob("*.cpp"))
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    seed = version + (ROOT / ".clang-tidy").read_bytes()
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(examine, source, flags(build), seed, cache) for source in sources]
        for job in concurrent.futures.as_completed(jobs):
            source, said = job.result()
            if said is not None:
                bad += 1
                print(f"--- {source}\n{said}")
    print(f"clang-tidy: {len(sources)} files, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
