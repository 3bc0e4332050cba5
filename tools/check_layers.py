#!/usr/bin/env python3
"""The rule of layers, enforced: a file includes only its own folder and lower floors.

Siblings of one floor never see each other. Libraries that belong to one folder stay in it.
Usage: check_layers.py [ROOT]; exit 1 and one line per offence, "FILE:LINE: what and why".
"""

import pathlib
import re
import sys

# Folder -> floor. A longer name wins over a shorter one.
FLOORS = {
    "include/xdpmesh": 0,
    "bpf": 1,
    "agent/crypto": 1,
    "agent/wire": 1,
    "loader": 2,
    "agent/noise": 2,
    "agent/io": 2,
    "agent/nat": 2,
    "agent/peer": 3,
    "agent/path": 4,
    "agent/mesh": 4,
    "agent/ctl": 5,
    "agent/store": 5,
    "agent/node": 6,
    "agent/cli": 6,
    "agent/bench": 6,
    "agent/main.cpp": 7,
}

# Lower floors that a folder nevertheless does not see.
FORBIDDEN = {
    "agent/io": {"agent/crypto", "bpf"},
    "agent/noise": {"bpf"},
    "agent/nat": {"bpf"},
    "agent/mesh": {"agent/io", "agent/peer", "loader", "bpf"},
    "agent/store": {"agent/io", "agent/peer", "agent/path", "loader", "bpf"},
}

# What the BPF half may share with user space.
BPF_HEADERS = {"xdpmesh/abi.h", "xdpmesh/drop.h"}

# System headers of a library -> the only folders that may know it.
CONFINED = [
    (re.compile(r"nlohmann/"), {"agent/ctl", "agent/bench"}),
    (re.compile(r"CLI/"), {"agent/cli"}),
    (re.compile(r"toml\+\+/"), {"agent/store"}),
    (re.compile(r"(openssl/|intel-ipsec-mb\.h)"), {"agent/crypto"}),
    (re.compile(r"(sodium\.h|sodium/)"), {"agent/crypto"}),
    (re.compile(r"bpf/(libbpf|bpf)\.h"), {"loader"}),
    (re.compile(r"xdp/libxdp\.h"), {"loader"}),
    (re.compile(r"libmnl/"), {"agent/io", "loader"}),
    (re.compile(r"(liburing\.h|liburing/)"), {"agent/io"}),
    (re.compile(r"systemd/"), {"agent/node"}),
    (re.compile(r"prometheus/"), {"agent/ctl"}),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".hpp", ".cpp", ".h", ".c"}


def folder_of(path):
    """The row of FLOORS that a path from the root belongs to, or None."""
    name = path.as_posix()
    for folder in sorted(FLOORS, key=len, reverse=True):
        if name == folder or name.startswith(folder + "/"):
            return folder
        # agent/node.hpp, agent/node_signals.cpp: a floor made of files.
        if folder == "agent/node" and re.match(r"agent/node[_.]", name):
            return folder
    return None


def included_path(target):
    """Where an include written from the root, or from include/, leads."""
    if target.startswith("xdpmesh/"):
        return pathlib.PurePosixPath("include") / target
    return pathlib.PurePosixPath(target)


def judge_quoted(here, target, root):
    """Why this #include "target" is not allowed in the folder `here`, or None."""
    if here == "bpf":
        if target in BPF_HEADERS or (root / "bpf" / target).exists():
            return None
        return "bpf sees only its own headers, abi.h and drop.h"
    if here == "loader" and target.endswith(".skel.h"):
        return None
    path = included_path(target)
    there = folder_of(path)
    if there is None:
        return "includes are written from the root (agent/…, loader/…) or start with xdpmesh/"
    if there == here:
        return None
    if there in FORBIDDEN.get(here, set()):
        return f"{here} does not see {there}"
    if FLOORS[there] == FLOORS[here]:
        return f"{here} and {there} are siblings on floor {FLOORS[here]}"
    if FLOORS[there] > FLOORS[here]:
        return f"{there} (floor {FLOORS[there]}) is above {here} (floor {FLOORS[here]})"
    return None


def judge_system(here, target):
    for pattern, homes in CONFINED:
        if pattern.match(target) and here not in homes:
            return f"<{target}> belongs to {' and '.join(sorted(homes))} alone"
    return None


def check(root):
    """All offences below root, as printable lines."""
    root = pathlib.Path(root)
    offences = []
    for top in ("include", "bpf", "loader", "agent"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in SUFFIXES or not path.is_file():
                continue
            name = path.relative_to(root)
            here = folder_of(name)
            if here is None:
                offences.append(f"{name}:1: this folder has no floor: add it to tools/check_layers.py")
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quoted, target = match.group(1) == '"', match.group(2)
                why = judge_quoted(here, target, root) if quoted else judge_system(here, target)
                if why:
                    offences.append(f"{name}:{number}: includes {target}: {why}")
    return offences


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    offences = check(root)
    for offence in offences:
        print(offence)
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
