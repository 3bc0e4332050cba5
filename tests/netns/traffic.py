#!/usr/bin/env python3
"""Traffic for the namespace tests: what ping, socat and nft cannot do. Standard library only."""

import argparse
import base64
import ctypes
import fcntl
import functools
import hashlib
import json
import mmap
import os
import random
import signal
import socket
import struct
import sys
import threading
import time

CHUNK = 65536


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def dual_stack(kind):
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock


def write_progress(path, count):
    with open(path + ".new", "w") as out:
        out.write("%d\n" % count)
    os.rename(path + ".new", path)


# ---- TCP streams --------------------------------------------------------------------------------


def send(args):
    """Random data until --bytes are sent or the --until file exists; prints length and hash."""
    sock = socket.create_connection((args.address, args.port), timeout=30)
    sock.settimeout(120)
    pool = os.urandom(CHUNK + 4096)
    digest, total, begin = hashlib.sha256(), 0, time.monotonic()
    while total < args.bytes if args.bytes else not os.path.exists(args.until):
        start = random.randrange(4096)
        chunk = struct.pack("<Q", total) + pool[start : start + CHUNK - 8]
        if args.bytes:
            chunk = chunk[: args.bytes - total]
        sock.sendall(chunk)
        digest.update(chunk)
        total += len(chunk)
        if args.rate:
            ahead = total / args.rate - (time.monotonic() - begin)
            if ahead > 0:
                time.sleep(ahead)
            else:  # after an interruption go on at the same pace, do not catch up
                begin -= ahead
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)  # the receiver closes when it has everything
    print(total, digest.hexdigest())


def receive(args):
    """Takes one connection; writes the bytes so far to the progress file; prints length and hash."""
    listener = dual_stack(socket.SOCK_STREAM)
    listener.bind(("::", args.port))
    listener.listen(1)

    def progress(count):
        write_progress(args.progress, count)

    progress(0)
    sock = listener.accept()[0]
    digest, total, told = hashlib.sha256(), 0, 0.0
    while chunk := sock.recv(1 << 18):
        digest.update(chunk)
        total += len(chunk)
        if time.monotonic() - told > 0.02:
            told = time.monotonic()
            progress(total)
    progress(total)
    print(total, digest.hexdigest())


# ---- UDP ----------------------------------------------------------------------------------------


def echo(args):
    sock = dual_stack(socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("::", args.port))
    while True:
        data, source = sock.recvfrom(65535)
        sock.sendto(data, source)


def ping(args):
    """Numbered datagrams to an echo; succeeds when every one came back unchanged. With --up-to they
    have every size from --size to that one in turn."""
    sock = socket.socket(family(args.address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.connect((args.address, args.port))
    sock.settimeout(3)
    sizes = range(args.size, max(args.size, args.up_to) + 1)
    body = os.urandom(sizes[-1])
    missing, wrong, done = set(range(args.count)), [], threading.Event()

    def datagram(number):
        return struct.pack("<Q", number) + body[8 : sizes[number % len(sizes)]]

    def collect():
        while missing:
            try:
                data = sock.recv(65535)
            except TimeoutError:
                if done.is_set():
                    return
                continue
            number = struct.unpack_from("<Q", data)[0]
            if number < args.count and data == datagram(number):
                missing.discard(number)
            else:
                wrong.append(number)

    collector = threading.Thread(target=collect)
    collector.start()
    begin = time.monotonic()
    for number in range(args.count):
        sock.send(datagram(number))
        ahead = (number + 1) / args.rate - (time.monotonic() - begin)
        if ahead > 0:
            time.sleep(ahead)
    done.set()
    collector.join()
    print("sent", args.count, "lost", len(missing), "changed", len(wrong))
    if missing:
        print("first lost:", sorted(missing)[:10])
    return 1 if missing or wrong else 0


def number(args):
    """Numbered datagrams in bursts until the --until file exists."""
    sock = socket.socket(family(args.address), socket.SOCK_DGRAM)
    sock.connect((args.address, args.port))
    body, count, begin = os.urandom(args.size - 8), 0, time.monotonic()
    while not os.path.exists(args.until):
        for _ in range(args.burst):
            try:
                sock.send(struct.pack("<Q", count) + body)
            except OSError:  # as in flood; it is lost
                pass
            count += 1
        ahead = count / args.rate - (time.monotonic() - begin)
        if ahead > 0:
            time.sleep(ahead)
        else:
            begin -= ahead
    print("sent", count)


def numbers(args):
    """Receives them until the --until file exists and nothing more comes; prints what came, and how
    many came after a later one. The progress file has how many came so far."""
    sock = dual_stack(socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("::", args.port))
    sock.settimeout(2)
    received, overtaken, last, told = 0, 0, -1, 0.0
    while True:
        try:
            number = struct.unpack_from("<Q", sock.recv(65535))[0]
        except TimeoutError:
            if os.path.exists(args.until):
                break
            continue
        received += 1
        overtaken += number <= last
        last = max(last, number)
        if time.monotonic() - told > 0.02:
            told = time.monotonic()
            write_progress(args.progress, received)
    print("received", received, "overtaken", overtaken, "lost", last + 1 - received)
    return 1 if overtaken or not received else 0


def flood(args):
    """Datagrams as fast as they go, for a number of seconds."""
    sock = socket.socket(family(args.address), socket.SOCK_DGRAM)
    sock.connect((args.address, args.port))
    data, count, end = os.urandom(args.size), 0, time.monotonic() + args.seconds
    while time.monotonic() < end:
        for _ in range(256):
            try:
                sock.send(data)
                count += 1
            except OSError:  # ENOBUFS is what a full queue says; a refusal comes from the far end
                pass
    print("sent", count)


# ---- WireGuard packets from somebody who is no peer ----------------------------------------------


@functools.lru_cache
def mac1_key(public_key):
    return hashlib.blake2s(b"mac1----" + public_key).digest()


def mac1(public_key, message):
    return hashlib.blake2s(message, key=mac1_key(public_key), digest_size=16).digest()


def initiation(public_key):
    """A handshake initiation whose mac1 verifies and whose contents are random."""
    body = struct.pack("<II", 1, random.getrandbits(32)) + os.urandom(32 + 48 + 28)
    return body + mac1(public_key, body) + bytes(16)


def random_bytes(_key, _captured):
    return os.urandom(random.randrange(1, 1473))


def wrong_mac1(_key, _captured):
    return struct.pack("<I", 1) + os.urandom(144)


def other_types(_key, _captured):
    kind, length = random.choice([(2, 92), (3, 64), (4, 32), (4, 1456)])
    return struct.pack("<I", kind) + os.urandom(length - 4)


def misshapen(key, _captured):
    """A good initiation cut short, made longer, or with a reserved byte set."""
    good = initiation(key)
    choice = random.randrange(3)
    if choice == 0:
        return good[: random.randrange(0, len(good))]
    if choice == 1:
        return good + os.urandom(random.randrange(1, 64))
    body = struct.pack("<I", 1 | random.randrange(1, 1 << 24) << 8) + good[4:116]
    return body + mac1(key, body) + bytes(16)


def replayed(_key, captured):
    return random.choice(captured)


def forged(_key, captured):
    """A captured data packet with a later counter, or with one bit of its body changed."""
    data = bytearray(random.choice([packet for packet in captured if packet[0] == 4]))
    if random.randrange(2):
        struct.pack_into("<Q", data, 8, struct.unpack_from("<Q", data, 8)[0] + random.getrandbits(40))
    else:
        data[random.randrange(16, len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


STRANGE = {
    "random": random_bytes,
    "wrong-mac1": wrong_mac1,
    "other-types": other_types,
    "misshapen": misshapen,
    "replayed": replayed,
    "forged": forged,
    "initiation": lambda key, _captured: initiation(key),
}


def strange(args):
    """Packets of one kind from a list of addresses, paced by --rate if given."""
    key = base64.b64decode(args.key)
    captured = []
    if args.captured:
        with open(args.captured) as lines:
            captured = [bytes.fromhex(line.strip()) for line in lines]
    socks = []
    for source in args.source:
        sock = socket.socket(family(args.address), socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.connect((args.address, args.port))
        socks.append(sock)
    make, count, begin = STRANGE[args.kind], 0, time.monotonic()
    until = begin + args.seconds if args.seconds else float("inf")
    while count < args.count and time.monotonic() < until:
        try:
            socks[count % len(socks)].send(make(key, captured))
        except OSError:
            pass
        count += 1
        if args.rate:
            ahead = count / args.rate - (time.monotonic() - begin)
            if ahead > 0.001:
                time.sleep(ahead)
    print("sent", count, args.kind)


def capture(args):
    """Writes the UDP payloads to or from a port, seen on a device, as lines of hex."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    sock.bind((args.device, 3))
    with open(args.out, "w", buffering=1) as out:
        while True:
            packet = sock.recv(65535)
            if packet[0] >> 4 == 4 and packet[9] == 17:
                at = (packet[0] & 15) * 4
            elif packet[0] >> 4 == 6 and packet[6] == 17:
                at = 40
            else:
                continue
            source, destination, length = struct.unpack_from("!HHH", packet, at)
            if args.port in (source, destination):
                out.write(packet[at + 8 : at + length].hex() + "\n")


# ---- XDP -----------------------------------------------------------------------------------------


def frames(args):
    """Writes the Ethernet frames that a device sends to a UDP port over IPv4, as lines of hex."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((args.device, 3))
    with open(args.out, "w", buffering=1) as out:
        while True:
            frame, source = sock.recvfrom(65535)
            if source[2] != socket.PACKET_OUTGOING or len(frame) < 42 or len(frame) > 1514:
                continue
            if frame[12:15] == b"\x08\x00\x45" and frame[23] == 17:
                if struct.unpack_from("!H", frame, 36)[0] == args.port:
                    # No checksum, which IPv4 allows: the device's half-made one would be wrong.
                    out.write((frame[:40] + bytes(2) + frame[42:]).hex() + "\n")


IP, UDP, MESSAGE = 14, 34, 42  # where they begin in a captured frame


def ip_checksum(frame):
    struct.pack_into("!H", frame, IP + 10, 0)
    total = sum(struct.unpack_from("!10H", frame, IP))
    total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", frame, IP + 10, ~(total + (total >> 16)) & 0xFFFF)


def with_lengths(frame):
    """The frame as long as it is by its own account."""
    struct.pack_into("!H", frame, IP + 2, len(frame) - IP)
    struct.pack_into("!H", frame, UDP + 4, len(frame) - UDP)
    ip_checksum(frame)
    return frame


def with_counter(frame, counter):
    struct.pack_into("<Q", frame, MESSAGE + 8, counter)
    return frame


def counter_ahead(frame):
    return with_counter(frame, random.randrange(1 << 20, 1 << 63))


def counter_worthless(frame):
    return with_counter(frame, (1 << 64) - random.randrange(1, 8000))


def index_unknown(frame):
    struct.pack_into("<I", frame, MESSAGE + 4, random.getrandbits(32))
    return frame


def body_changed(frame):
    """Behind the counter, which is in front of all that were sent: not a replay."""
    frame[random.randrange(MESSAGE + 16, len(frame))] ^= 1 << random.randrange(8)
    return with_counter(frame, random.randrange(1 << 20, 1 << 63))


def cut(frame):
    """Shorter than its headers say, or with lengths to match."""
    frame = frame[: random.randrange(IP + 20, len(frame))]
    return frame if random.randrange(2) or len(frame) < MESSAGE else with_lengths(frame)


def grown(frame):
    frame += os.urandom(random.randrange(1, 1500 + IP - len(frame)) if len(frame) < 1500 else 1)
    return frame if random.randrange(2) else with_lengths(frame)


def mangled(frame):
    """Some bytes behind the MAC addresses are others."""
    for _ in range(random.randrange(1, 6)):
        frame[random.randrange(12, min(len(frame), 80))] = random.getrandbits(8)
    if random.randrange(2):
        ip_checksum(frame)
    return frame


def checksum_wrong(frame):
    frame[IP + 10] ^= 1 + random.randrange(255)
    return counter_ahead(frame)


def source_martian(frame):
    frame[IP + 12 : IP + 16] = random.choice([bytes([127, 0, 0, 1]), bytes([224, 0, 0, 1]), bytes(4)])
    ip_checksum(frame)
    return counter_ahead(frame)


def source_own(frame):
    """From another address of the receiver's, that of its tunnel."""
    frame[IP + 12 : IP + 16] = bytes([10, 77, 0, 2])
    ip_checksum(frame)
    return counter_ahead(frame)


INJECTED = {
    "as-captured": lambda frame: frame,
    "counter-ahead": counter_ahead,
    "counter-worthless": counter_worthless,
    "index-unknown": index_unknown,
    "body-changed": body_changed,
    "cut": cut,
    "grown": grown,
    "mangled": mangled,
    "checksum-wrong": checksum_wrong,
    "source-martian": source_martian,
    "source-own": source_own,
}


def inject(args):
    """Sends captured data messages out of a device once more, changed in one way; process `frozen`
    is stopped meanwhile."""
    with open(args.captured) as lines:
        captured = [bytearray.fromhex(line.strip()) for line in lines]
    captured = [frame for frame in captured if frame[MESSAGE] == 4]
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((args.device, 0))
    change, begin, sent = INJECTED[args.kind], time.monotonic(), 0
    if args.frozen:
        os.kill(args.frozen, signal.SIGSTOP)
    try:
        for i in range(args.count):
            try:
                sock.send(change(bytearray(captured[i % len(captured)])))
                sent += 1
            except OSError:  # a frame that even the device refuses, or a full queue
                pass
            ahead = i / args.rate - (time.monotonic() - begin)
            if ahead > 0.001:
                time.sleep(ahead)
    finally:
        if args.frozen:
            os.kill(args.frozen, signal.SIGCONT)
    print("sent", sent, args.kind)


def foreign_xdp(args):
    """Holds a device with an XDP program of its own, which passes everything."""
    system_call = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    libc = ctypes.CDLL(None, use_errno=True)

    def bpf(command, attributes):
        buffer = ctypes.create_string_buffer(attributes, 128)
        fd = libc.syscall(system_call, command, buffer, len(buffer))
        if fd < 0:
            sys.exit("bpf: " + os.strerror(ctypes.get_errno()))
        return fd

    prog_load, link_create, prog_type_xdp, attach_type_xdp = 5, 28, 6, 37
    code = struct.pack("<BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)  # r0 = XDP_PASS; exit
    code = ctypes.create_string_buffer(code)
    licence = ctypes.create_string_buffer(b"GPL")
    head = struct.pack("<IIQQ", prog_type_xdp, 2, ctypes.addressof(code), ctypes.addressof(licence))
    program = bpf(prog_load, head + struct.pack("<IIQII16s", 0, 0, 0, 0, 0, b"foreign"))
    ifindex = socket.if_nametoindex(args.device)
    native = 1 << 2
    _link = bpf(link_create, struct.pack("<IIII", program, ifindex, attach_type_xdp, native))
    time.sleep(600)


def hold_queue(args):
    """Holds a receive queue of a device with an AF_XDP socket of its own."""
    af_xdp, sol_xdp, xdp_copy = 44, 283, 2
    rx_ring, umem_reg, fill_ring, completion_ring = 2, 4, 5, 6
    libc = ctypes.CDLL(None, use_errno=True)
    holder = socket.socket(af_xdp, socket.SOCK_RAW)
    size, chunk = 64 * 4096, 4096
    memory = mmap.mmap(-1, size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    holder.setsockopt(sol_xdp, umem_reg, struct.pack("<QQIIII", address, size, chunk, 0, 0, 0))
    for ring in (fill_ring, completion_ring, rx_ring):
        holder.setsockopt(sol_xdp, ring, 64)
    ifindex = socket.if_nametoindex(args.device)
    name = struct.pack("<HHIII", af_xdp, xdp_copy, ifindex, int(args.queue), 0)
    if libc.bind(holder.fileno(), name, len(name)) != 0:
        sys.exit("bind: " + os.strerror(ctypes.get_errno()))
    print("held", flush=True)
    time.sleep(600)


def find_keys(args):
    """Looks for base64 keys, one a file, in what `bpftool -j map dump` wrote: 1 when one is there."""
    with open(args.dump) as file:
        entries = json.load(file)
    found = bytearray()

    def collect(value):
        if isinstance(value, dict):
            for name, inner in value.items():
                if name != "formatted":
                    collect(inner)
        elif value and isinstance(value, list) and isinstance(value[0], str):
            found.extend(int(octet, 16) for octet in value)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(entries)
    print(len(found), "bytes")
    for path in args.keys:
        with open(path) as file:
            if base64.b64decode(file.read()) in found:
                print("the key of", path, "is in", args.dump)
                return 1
    return 0 if found else 2


# ---- descriptors handed to a WireGuard process ----------------------------------------------------


def run_with_fds(args):
    """Opens the TUN device and/or the configuration socket, then becomes the command."""
    if args.tun:
        tun = os.open("/dev/net/tun", os.O_RDWR)
        flags = 0x1001 | (0x4000 if args.vnet_hdr else 0)  # IFF_TUN | IFF_NO_PI, IFF_VNET_HDR
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", args.tun.encode(), flags))  # TUNSETIFF
        os.set_inheritable(tun, True)
        os.environ["WG_TUN_FD"] = str(tun)
    if args.uapi:
        os.makedirs(os.path.dirname(args.uapi), mode=0o755, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(args.uapi)
        listener.listen(16)
        listener.set_inheritable(True)
        os.environ["WG_UAPI_FD"] = str(listener.detach())
    os.execvp(args.command[0], args.command)


def refusing_io_uring(args):
    """Runs a command whose io_uring_setup fails with EPERM, by a filter as containers have one."""
    io_uring_setup, eperm = 425, 1
    load, if_equal, answer = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    refuse, allow = 0x00050000 | eperm, 0x7FFF0000  # SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW
    program = b"".join(
        struct.pack("HBBI", *step)
        for step in [
            (load, 0, 0, 0),  # the number of the system call
            (if_equal, 0, 1, io_uring_setup),
            (answer, 0, 0, refuse),
            (answer, 0, 0, allow),
        ]
    )
    steps = ctypes.create_string_buffer(program)
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_seccomp, by_filter = 22, 2
    if prctl(set_seccomp, by_filter, ctypes.c_char_p(filter_), 0, 0) != 0:
        sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))
    os.execvp(args.command[0], args.command)


def hold(args):
    """Clients of the configuration socket that send half a request and then nothing."""
    socks = []
    for text in args.text:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(args.path)
        sock.sendall(text.encode().decode("unicode_escape").encode())
        socks.append(sock)
    print("holding", len(socks), flush=True)
    time.sleep(600)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(function, name, *positional, **options):
        sub = commands.add_parser(name, help=function.__doc__)
        for argument in positional:
            sub.add_argument(argument, type=int if argument == "port" else str)
        for option, (kind, default) in options.items():
            flag = "--" + option.replace("_", "-")
            if kind is bool:
                sub.add_argument(flag, action="store_true")
            elif kind is list:
                sub.add_argument(flag, nargs="+", default=default)
            else:
                sub.add_argument(flag, type=kind, default=default)
        sub.set_defaults(function=function)
        return sub

    command(send, "send", "address", "port", bytes=(int, 0), until=(str, ""), rate=(float, 0))
    command(receive, "receive", "port", "progress")
    command(echo, "echo", "port")
    command(
        ping,
        "ping",
        "address",
        "port",
        count=(int, 100),
        size=(int, 512),
        up_to=(int, 0),
        rate=(float, 500),
    )
    command(
        number,
        "number",
        "address",
        "port",
        until=(str, ""),
        size=(int, 1300),
        rate=(float, 10000),
        burst=(int, 32),
    )
    command(numbers, "numbers", "port", "progress", until=(str, ""))
    command(flood, "flood", "address", "port", size=(int, 1300), seconds=(float, 2))
    sub = command(
        strange,
        "strange",
        "address",
        "port",
        key=(str, ""),
        source=(list, [""]),
        count=(int, 1 << 62),
        seconds=(float, 0),
        rate=(float, 0),
        captured=(str, ""),
    )
    sub.add_argument("kind", choices=sorted(STRANGE))
    command(capture, "capture", "device", "port", "out")
    command(frames, "frames", "device", "port", "out")
    sub = command(
        inject,
        "inject",
        "device",
        "captured",
        count=(int, 1000),
        rate=(float, 5000),
        frozen=(int, 0),
    )
    sub.add_argument("kind", choices=sorted(INJECTED))
    command(foreign_xdp, "foreign-xdp", "device")
    command(hold_queue, "hold-queue", "device", "queue")
    sub = command(find_keys, "find-keys", "dump")
    sub.add_argument("keys", nargs="+")
    sub = command(run_with_fds, "run-with-fds", tun=(str, ""), uapi=(str, ""), vnet_hdr=(bool, False))
    sub.add_argument("command", nargs=argparse.REMAINDER)
    sub = command(refusing_io_uring, "refusing-io-uring")
    sub.add_argument("command", nargs=argparse.REMAINDER)
    sub = command(hold, "hold", "path")
    sub.add_argument("text", nargs="+")

    args = parser.parse_args()
    return args.function(args)


if __name__ == "__main__":
    sys.exit(main())
