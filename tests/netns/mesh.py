#!/usr/bin/env python3
"""Traffic for the tests of the mesh: TCP with everybody at once. Standard library only."""

import argparse
import os
import socket
import sys
import threading


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

    args = parser.parse_args()
    return args.function(args)


if __name__ == "__main__":
    sys.exit(main())
