#!/usr/bin/env python3
"""Traffic for the tests of the mesh: TCP with everybody at once, and gossip of those who have no
business in it. Standard library only."""

import argparse
import base64
import hashlib
import os
import random
import select
import socket
import struct
import sys
import threading
import time


def mirror(args):
    """A TCP service that sends back what comes, until the other end has said all."""
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::", args.port))
    listener.listen(64)

    def serve(sock):
        with sock:
            while data := sock.recv(1 << 16):
                sock.sendall(data)

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def exchange(args):
    """Random data to every mirror at once; succeeds when each sent back the same bytes."""
    results = {}

    def talk(address):
        sent, got = os.urandom(args.bytes), bytearray()
        try:
            with socket.create_connection((address, args.port), timeout=args.seconds) as sock:
                writer = threading.Thread(target=sock.sendall, args=(sent,))
                writer.start()
                while len(got) < len(sent) and (data := sock.recv(1 << 16)):
                    got += data
                writer.join()
            results[address] = "" if got == sent else "other bytes came back"
        except OSError as error:
            results[address] = str(error)

    threads = [threading.Thread(target=talk, args=(address,)) for address in args.addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for address, fault in results.items():
        if fault:
            print(address + ": " + fault)
    return any(results.values())


# ---- gossip, as agent/mesh/envelope.hpp draws it -----------------------------------------------------

MAGIC, HELLO = b"\xd8xm\x01", 1
MAC_AT, BODY_AT = 8, 24


def mac_key(mesh, identity):
    """The key of the mac for a node whose identity is spelt xm1…: no secret."""
    digits = identity[3:].upper()
    key = base64.b32decode(digits + "=" * (-len(digits) % 8))[:32]
    label = b"xdp-mesh gossip mac, identity"
    parts = label + bytes([len(mesh)]) + mesh.encode() + key
    return hashlib.blake2b(parts, digest_size=32).digest()


def sealed_with_mac(kind, body, key):
    head = MAGIC + bytes([kind, 0, 0, 0])
    mac = hashlib.blake2b(head + body, key=key, digest_size=BODY_AT - MAC_AT).digest()
    return head + mac + body


def random_datagrams(_args, _captured):
    while True:
        data = os.urandom(random.randrange(1232))
        yield random.choice([b"", MAGIC, MAGIC + bytes([random.randrange(7), 0, 0, 0])]) + data


def cut_or_changed(_args, captured):
    while True:
        data = bytearray(random.choice(captured)[2])
        if random.randrange(2):
            yield bytes(data[: random.randrange(len(data))])
        else:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            yield bytes(data)


def replayed(args, captured):
    """What the node received once."""
    yield from [data for _, destination, data in captured if destination == args.address]


def reflected(args, captured):
    """What the node sent once."""
    yield from [data for source, _, data in captured if source == args.address]


def short_hellos(args, _captured):
    """Of senders that nobody knows."""
    key = mac_key(args.mesh, args.identity)
    while True:
        yield sealed_with_mac(HELLO, os.urandom(64) + bytes(136 - BODY_AT - 64), key)


def full_hellos(args, _captured):
    """With records that nobody has signed."""
    key = mac_key(args.mesh, args.identity)
    while True:
        record = struct.pack("<H", 200) + os.urandom(200) + bytes(2)
        body = os.urandom(64) + bytes(16) + record
        yield sealed_with_mac(HELLO, body + bytes(1232 - BODY_AT - len(body)), key)


GOSSIP = {
    "random": random_datagrams,
    "changed": cut_or_changed,
    "replayed": replayed,
    "reflected": reflected,
    "short-hellos": short_hellos,
    "full-hellos": full_hellos,
}


def gossip(args):
    """Sends datagrams of one kind, and prints what came back: count and bytes of both, and the largest
    answer. Fails when an answer is larger than the largest datagram that was sent."""
    captured = []
    if args.captured:
        with open(args.captured) as lines:
            captured = [(*line.split()[:2], bytes.fromhex(line.split()[2])) for line in lines]
    socks = []
    for number in range(args.sources):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        host = socket.inet_aton(args.source)
        host = struct.pack("!I", struct.unpack("!I", host)[0] + number % args.addresses)
        sock.bind((socket.inet_ntoa(host), 0))
        sock.connect((args.address, args.port))
        sock.setblocking(False)
        socks.append(sock)
    sent = sent_bytes = largest = got = got_bytes = largest_got = 0

    def collect(seconds):
        nonlocal got, got_bytes, largest_got
        ready = select.select(socks, [], [], seconds)[0]
        for sock in ready:
            try:
                data = sock.recv(65535)
            except OSError:  # the ICMP of a closed port, or nothing after all
                continue
            got, got_bytes = got + 1, got_bytes + len(data)
            largest_got = max(largest_got, len(data))
        return bool(ready)

    begin = time.monotonic()
    for data in GOSSIP[args.kind](args, captured):
        if sent == args.count:
            break
        try:
            socks[sent % len(socks)].send(data)
        except OSError:
            pass
        sent, sent_bytes, largest = sent + 1, sent_bytes + len(data), max(largest, len(data))
        if sent % 64 == 0:
            collect(0)
            ahead = sent / args.rate - (time.monotonic() - begin)
            if ahead > 0:
                time.sleep(ahead)
    while collect(1):
        pass
    print("sent", sent, sent_bytes, "got", got, got_bytes, "largest", largest_got)
    return largest_got > largest or got_bytes > sent_bytes or sent == 0


def capture(args):
    """Writes source, destination and payload, in hex, of the gossip over IPv4 that a device sees."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    sock.bind((args.device, 3))
    with open(args.out, "w", buffering=1) as out:
        while True:
            packet = sock.recv(65535)
            if packet[0] >> 4 != 4 or packet[9] != 17:
                continue
            payload = packet[(packet[0] & 15) * 4 + 8 :]
            if payload.startswith(MAGIC):
                ends = [socket.inet_ntoa(packet[at : at + 4]) for at in (12, 16)]
                out.write(" ".join([*ends, payload.hex()]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(function, name):
        sub = commands.add_parser(name, help=function.__doc__)
        sub.set_defaults(function=function)
        return sub

    command(mirror, "mirror").add_argument("port", type=int)
    sub = command(exchange, "exchange")
    sub.add_argument("port", type=int)
    sub.add_argument("addresses", nargs="+")
    sub.add_argument("--bytes", type=int, default=100000)
    sub.add_argument("--seconds", type=float, default=20)

    sub = command(gossip, "gossip")
    sub.add_argument("kind", choices=sorted(GOSSIP))
    sub.add_argument("address")
    sub.add_argument("port", type=int)
    sub.add_argument("--source", required=True)
    sub.add_argument("--addresses", type=int, default=1)
    sub.add_argument("--sources", type=int, default=1)
    sub.add_argument("--count", type=int, default=2000)
    sub.add_argument("--rate", type=float, default=5000)
    sub.add_argument("--mesh", default="lab")
    sub.add_argument("--identity", default="")
    sub.add_argument("--captured", default="")
    sub = command(capture, "capture")
    sub.add_argument("device")
    sub.add_argument("out")

    args = parser.parse_args()
    return args.function(args)


if __name__ == "__main__":
    sys.exit(main())
