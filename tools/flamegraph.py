#!/usr/bin/env python3
"""A flame graph and a table from what `perf script` prints. For tools/profile.

    perf script --no-inline -F comm,tid,period,ip,sym,dso | flamegraph.py --title TEXT --svg FILE --table FILE

The SVG needs nothing but a viewer: callers below, callees above, width is time, a tooltip on every
frame; colours tell the kernel, the program and its libraries apart. The table has the functions by their
own time and the share of every program, library and the kernel. Without a sample it is an error.
"""

import argparse
import collections
import html
import os
import re
import sys
import zlib

FRAME = re.compile(r"^\s+[0-9a-f]+ (.*) \((.*)\)$")
HEAD = re.compile(r"^(\S.*?)\s+\d+\s+(\d+):?\s*$")

WIDTH = 1200
ROW = 17
MARGIN = 10
LEAST_WIDTH = 0.3  # narrower frames could not be seen
LETTER = 7.0  # the width of one, at least


def fold(lines):
    """Samples by stack: a tuple of (function, place), the outermost first -> summed periods.

    The thread's name is the outermost frame; its place is empty. A frame without a symbol has the
    name of its place."""
    stacks = collections.Counter()
    head, frames = None, []

    def finish():
        if head is not None and frames:
            stacks[(head[0], *reversed(frames))] += head[1]

    for line in lines:
        frame = FRAME.match(line)
        if frame:
            name, place = frame.group(1), os.path.basename(frame.group(2))
            frames.append((place if name == "[unknown]" else name, place))
            continue
        start = HEAD.match(line)
        if start or not line.strip():
            finish()
            frames = []
            head = ((start.group(1), ""), int(start.group(2))) if start else None
    finish()
    return stacks


def tree(stacks):
    """(children by frame, time) nested: each child is a pair of the same kind."""
    root = [{}, 0]
    for stack, time in stacks.items():
        root[1] += time
        node = root
        for frame in stack:
            node = node[0].setdefault(frame, [{}, 0])
            node[1] += time
    return root


def depth(node):
    return 1 + max((depth(child) for child in node[0].values()), default=0)


def is_kernel(place):
    return place.startswith("[kernel") or place.startswith("[guest.kernel") or place.endswith(".ko]")


def colour(name, place):
    """The kernel red, libraries yellow, the program green, threads grey; shades by the name."""
    shade = zlib.crc32(name.encode()) % 50
    if not place:
        return "rgb(190,190,190)"
    if is_kernel(place):
        return f"rgb({205 + shade},{90 + shade},70)"
    if ".so" in place or place.startswith("["):
        return f"rgb(235,{175 + shade},60)"
    return f"rgb({90 + shade},{180 + shade},{90 + shade})"


def svg(root, title):
    height = depth(root) * ROW + 3 * MARGIN + ROW
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{WIDTH / 2:.0f}" y="{MARGIN + 8}" font-size="14" text-anchor="middle">'
        f"{html.escape(title)}</text>",
    ]
    scale = (WIDTH - 2 * MARGIN) / root[1]

    def draw(node, frame, left, level):
        name, place = frame
        width = node[1] * scale
        if width < LEAST_WIDTH:
            return
        top = height - MARGIN - (level + 1) * ROW
        share = f"{100 * node[1] / root[1]:.2f} %"
        where = f" ({place})" if place and place != name else ""
        out.append(f"<g><title>{html.escape(name + where)}: {share}</title>"
                   f'<rect x="{left:.2f}" y="{top}" width="{width:.2f}" height="{ROW - 1}" '
                   f'fill="{colour(name, place)}"/>')
        letters = int((width - 6) / LETTER)
        if letters >= 3:
            text = name if len(name) <= letters else name[:letters - 2] + ".."
            out.append(f'<text x="{left + 3:.2f}" y="{top + ROW - 5}">{html.escape(text)}</text>')
        out.append("</g>")
        for child, below in sorted(node[0].items(), key=lambda item: item[0]):
            draw(below, child, left, level + 1)
            left += below[1] * scale

    draw(root, ("all", ""), MARGIN, 0)
    out.append("</svg>\n")
    return "\n".join(out)


def table(stacks, rows=40):
    """Text: functions by their own time, with the time below them, then the places."""
    total = sum(stacks.values())
    own, below, places = collections.Counter(), collections.Counter(), collections.Counter()
    for stack, time in stacks.items():
        own[stack[-1]] += time
        places["kernel" if is_kernel(stack[-1][1]) else stack[-1][1]] += time
        for frame in set(stack):
            below[frame] += time
    lines = ["   own  with callees  function"]
    for frame, time in own.most_common(rows):
        name, place = frame
        where = "kernel" if is_kernel(place) else place
        lines.append(f"{100 * time / total:5.1f}% {100 * below[frame] / total:12.1f}%  {name}  ({where})")
    lines += ["", "   own  program, library or kernel"]
    lines += [f"{100 * time / total:5.1f}%  {place}" for place, time in places.most_common()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--title", default="")
    parser.add_argument("--svg", required=True)
    parser.add_argument("--table", required=True)
    arguments = parser.parse_args()
    sys.setrecursionlimit(10000)
    stacks = fold(sys.stdin)
    if not stacks:
        print("flamegraph: expected samples from perf script, got none", file=sys.stderr)
        return 1
    with open(arguments.svg, "w", encoding="utf-8") as file:
        file.write(svg(tree(stacks), arguments.title))
    with open(arguments.table, "w", encoding="utf-8") as file:
        file.write(f"{arguments.title}\n\n{table(stacks)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
