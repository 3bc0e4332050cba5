#!/usr/bin/env python3
"""tools/flamegraph.py on samples as perf script prints them."""

import io
import pathlib
import sys
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import flamegraph  # noqa: E402

SAMPLES = """\
xdp-mesh  1234     1000:
\tffffffff81000010 do_syscall_64 ([kernel.kallsyms])
\t           20b1d xm::Rx::run(xm::DatagramSocket&) (/usr/bin/xdp-mesh)
\t           30000 std::function<void ()>::operator()() const (/usr/bin/xdp-mesh)

xdp-mesh  1234     500:
\t           20b1d xm::Rx::run(xm::DatagramSocket&) (/usr/bin/xdp-mesh)
\t           30000 std::function<void ()>::operator()() const (/usr/bin/xdp-mesh)

tokio 2 worker  1235     250:
\t           40000 [unknown] (/usr/lib/libIPSec_MB.so.1.3.0)

xdp-mesh  1234     77:

xdp-mesh  1234     1000:
\tffffffff81000010 do_syscall_64 ([kernel.kallsyms])
\t           20b1d xm::Rx::run(xm::DatagramSocket&) (/usr/bin/xdp-mesh)
\t           30000 std::function<void ()>::operator()() const (/usr/bin/xdp-mesh)
"""
RUN = ("xm::Rx::run(xm::DatagramSocket&)", "xdp-mesh")
CALL = ("std::function<void ()>::operator()() const", "xdp-mesh")
KERNEL = ("do_syscall_64", "[kernel.kallsyms]")
LIBRARY = ("libIPSec_MB.so.1.3.0", "libIPSec_MB.so.1.3.0")


class FlameGraph(unittest.TestCase):
    def setUp(self):
        self.stacks = flamegraph.fold(io.StringIO(SAMPLES))

    def test_equal_stacks_are_one_and_samples_without_frames_none(self):
        self.assertEqual(self.stacks, {
            (("xdp-mesh", ""), CALL, RUN, KERNEL): 2000,
            (("xdp-mesh", ""), CALL, RUN): 500,
            (("tokio 2 worker", ""), LIBRARY): 250,
        })

    def test_nothing_comes_of_nothing(self):
        self.assertFalse(flamegraph.fold(io.StringIO("")))
        self.assertFalse(flamegraph.fold(io.StringIO("perf: some complaint\n\n")))

    def test_the_tree_adds_up(self):
        root = flamegraph.tree(self.stacks)
        self.assertEqual(root[1], 2750)
        call = root[0][("xdp-mesh", "")][0][CALL]
        self.assertEqual(call[1], 2500)
        self.assertEqual(call[0][RUN][0][KERNEL][1], 2000)

    def test_the_svg_is_xml_with_a_tooltip_on_every_frame(self):
        text = flamegraph.svg(flamegraph.tree(self.stacks), "a <title> & more")
        root = xml.etree.ElementTree.fromstring(text)
        name = "{http://www.w3.org/2000/svg}"
        groups = root.findall(f"{name}g")
        self.assertEqual(len(groups), 7)  # all, two threads, four functions
        titles = [group.find(f"{name}title").text for group in groups]
        self.assertIn("do_syscall_64 ([kernel.kallsyms]): 72.73 %", titles)
        self.assertIn("libIPSec_MB.so.1.3.0: 9.09 %", titles)
        widths = {group.find(f"{name}title").text.split(":")[0]: float(group.find(f"{name}rect").get("width"))
                  for group in groups}
        self.assertAlmostEqual(widths["xdp-mesh"] / widths["all"], 2500 / 2750, places=3)

    def test_the_table_counts_own_time_and_places(self):
        text = flamegraph.table(self.stacks)
        self.assertIn(" 72.7%         72.7%  do_syscall_64  (kernel)", text)
        self.assertIn(" 18.2%         90.9%  xm::Rx::run(xm::DatagramSocket&)  (xdp-mesh)", text)
        self.assertIn(" 72.7%  kernel", text)
        self.assertIn(" 18.2%  xdp-mesh", text)
        self.assertIn("  9.1%  libIPSec_MB.so.1.3.0", text)


if __name__ == "__main__":
    unittest.main()
