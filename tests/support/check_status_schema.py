#!/usr/bin/env python3
"""Validates lines of `xdp-mesh status --json` against docs/status-schema.json, and the schema against them.

Usage: check_status_schema.py SCHEMA [FILE]: every line of FILE (default: standard input). For each line
that is valid it also misspells, drops and mistypes members one by one, also deep inside, and expects the
schema to notice. Exit status 0 when all holds, 1 when not, 77 without python3-jsonschema.
"""

import copy
import json
import sys

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed (tools/deps installs it)")
    sys.exit(77)

# Objects whose members are counters by name: more may come.
OPEN = {"counters", "drops", "verdicts"}
# Members that may be missing: a static tunnel has no mesh.
OPTIONAL = {("mesh",)}


def places(value, path=()):
    """The path of every object inside, but one element of each array is enough."""
    if isinstance(value, dict):
        yield path
        for key, child in value.items():
            yield from places(child, path + (key,))
    elif isinstance(value, list) and value:
        yield from places(value[0], path + (0,))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def changes(reply):
    """(what was done, the changed reply) for everything that a schema has to notice."""
    for path in places(reply):
        if path and path[-1] in OPEN:
            continue
        for key in at(reply, path):
            for what in ("misspelt", "missing", "mistyped"):
                if what == "missing" and path + (key,) in OPTIONAL:
                    continue
                changed = copy.deepcopy(reply)
                members = at(changed, path)
                if what == "misspelt":
                    members[key + "x"] = members.pop(key)
                elif what == "missing":
                    del members[key]
                else:
                    members[key] = [[members[key]]]
                name = ".".join(str(part) for part in path + (key,))
                yield f"{name} {what}", changed


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    source = open(sys.argv[2], encoding="utf-8") if len(sys.argv) > 2 else sys.stdin
    lines = faults = tried = 0
    for line in source:
        lines += 1
        reply = json.loads(line)
        for error in validator.iter_errors(reply):
            faults += 1
            print(f"line {lines}: {'.'.join(str(part) for part in error.absolute_path)}: {error.message}")
        for what, changed in changes(reply):
            tried += 1
            if validator.is_valid(changed):
                faults += 1
                print(f"line {lines}: the schema does not notice: {what}")
    print(f"{lines} lines, {tried} faults tried")
    return 0 if lines and tried and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
