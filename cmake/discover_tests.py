#!/usr/bin/env python3
"""Writes the CTest file of a doctest binary: one test per test case, PREFIX.[FOLDER.]CASE.

Used instead of doctest's own CMake script, which splits names at ';' and stumbles over brackets: such
tests would then run nothing, and pass.
Usage: discover_tests.py BINARY PREFIX SECONDS WORKING_DIRECTORY OUTPUT
"""

import pathlib
import subprocess
import sys
import xml.etree.ElementTree


def quote(text):
    """A CMake bracket argument: nothing inside is special."""
    return f"[==[{text}]==]"


def filter_of(name):
    """The --test-case filter that means this name: commas would separate two filters."""
    return name.replace("\\", "\\\\").replace(",", "\\,")


def main():
    binary, prefix, seconds, folder, output = sys.argv[1:]
    listing = subprocess.run([binary, "--list-test-cases", "--reporters=xml"], check=True,
                             capture_output=True, text=True).stdout
    lines, seen = [], set()
    for case in xml.etree.ElementTree.fromstring(listing).iter("TestCase"):
        home = pathlib.PurePath(case.get("filename")).parent.name
        name = f"{prefix}.{case.get('name')}" if home == prefix else f"{prefix}.{home}.{case.get('name')}"
        if name in seen:
            sys.exit(f"two test cases are named '{name}': rename one")
        seen.add(name)
        lines.append(f"add_test({quote(name)} {quote(binary)} "
                     f"{quote('--test-case=' + filter_of(case.get('name')))} "
                     f"{quote('--source-file=*/' + home + '/*')})")
        lines.append(f"set_tests_properties({quote(name)} PROPERTIES "
                     f"WORKING_DIRECTORY {quote(folder)} TIMEOUT {seconds} "
                     f"SKIP_REGULAR_EXPRESSION {quote('skipped: ')} "
                     f"FAIL_REGULAR_EXPRESSION {quote('test cases: *0 ')})")
    pathlib.Path(output).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
