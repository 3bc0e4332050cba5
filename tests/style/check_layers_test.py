#!/usr/bin/env python3
"""check_layers.py judged on small trees that are right or wrong in one known way."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import check_layers  # noqa: E402


def offences(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_layers.check(folder)


class CheckLayers(unittest.TestCase):
    def assert_caught(self, name, include, why):
        found = offences({name: f"// A file.\n#include {include}\n"})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{name}:2: "), found)
        self.assertIn(why, found[0])

    def assert_allowed(self, name, include):
        self.assertEqual(offences({name: f"#include {include}\n"}), [])

    def test_upward_include_is_caught(self):
        self.assert_caught("agent/noise/session.cpp", '"agent/peer/peer.hpp"', "above")
        self.assert_caught("agent/ctl/uapi.cpp", '"agent/node.hpp"', "above")
        self.assert_caught("include/xdpmesh/fd.hpp", '"agent/wire/ip.hpp"', "above")

    def test_sibling_include_is_caught(self):
        self.assert_caught("agent/crypto/kdf.cpp", '"agent/wire/ip.hpp"', "siblings")
        self.assert_caught("agent/io/tun.hpp", '"agent/noise/session.hpp"', "siblings")
        self.assert_caught("agent/cli/cli.cpp", '"agent/node.hpp"', "siblings")
        self.assert_caught("agent/bench/bench.cpp", '"agent/node.hpp"', "siblings")
        self.assert_caught("loader/probe.cpp", '"agent/io/tun.hpp"', "siblings")

    def test_forbidden_lower_include_is_caught(self):
        self.assert_caught("agent/io/tun.cpp", '"agent/crypto/secret.hpp"', "does not see")

    def test_bpf_sees_the_shared_headers_only(self):
        self.assert_caught("bpf/steer.bpf.c", '"xdpmesh/frame.hpp"', "abi.h and drop.h")
        self.assert_allowed("bpf/steer.bpf.c", '"xdpmesh/abi.h"')

    def test_include_not_from_the_root_is_caught(self):
        self.assert_caught("agent/wire/ip.cpp", '"ip.hpp"', "from the root")
        self.assert_caught("agent/wire/ip.cpp", '"../crypto/aead.hpp"', "from the root")

    def test_library_outside_its_folder_is_caught(self):
        self.assert_caught("agent/path/rx.cpp", "<nlohmann/json.hpp>",
                           "agent/bench and agent/ctl alone")
        self.assert_allowed("agent/ctl/status.cpp", "<nlohmann/json.hpp>")
        self.assert_allowed("agent/bench/report_json.cpp", "<nlohmann/json.hpp>")

    def test_folder_without_a_floor_is_caught(self):
        self.assertIn("no floor", offences({"agent/new/thing.cpp": ""})[0])

    def test_own_and_lower_are_allowed(self):
        self.assert_allowed("agent/path/rx.cpp", '"agent/path/rx.hpp"')
        self.assert_allowed("agent/path/rx.cpp", '"agent/io/tun.hpp"')
        self.assert_allowed("agent/noise/session.hpp", '"agent/crypto/aead.hpp"')
        self.assert_allowed("agent/node_worker.cpp", '"agent/node.hpp"')
        self.assert_allowed("agent/main.cpp", '"agent/cli/cli.hpp"')
        self.assert_allowed("loader/steer_program.cpp", '"steer.skel.h"')
        self.assert_allowed("agent/wire/ip.hpp", '"xdpmesh/bytes.hpp"')


if __name__ == "__main__":
    unittest.main()
