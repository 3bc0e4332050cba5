#!/usr/bin/env python3
"""Prints the known answers of tests/unit/noise/exchange_vector.hpp.

A second implementation of one WireGuard exchange, written from the paper (section 5.4) alone and
sharing no code with agent/: run it to make the answers again. Needs python3-cryptography.
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def hash_(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, *parts):
    return hashlib.blake2s(b"".join(parts), key=key, digest_size=16).digest()


def kdf(key, data, count):
    secret = hmac.new(key, data, hashlib.blake2s).digest()
    out, last = [], b""
    for number in range(1, count + 1):
        last = hmac.new(secret, last + bytes([number]), hashlib.blake2s).digest()
        out.append(last)
    return out


def dh(private, public):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(public))


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw)


def seal(key, counter, plaintext, aad):
    return ChaCha20Poly1305(key).encrypt(struct.pack("<4xQ", counter), plaintext, aad)


def hchacha20(key, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            state[z] ^= state[x]
            state[z] = ((state[z] << turn) | (state[z] >> (32 - turn))) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *(state[0:4] + state[12:16]))


def xseal(key, nonce, plaintext, aad):
    subkey = hchacha20(key, nonce[:16])
    return ChaCha20Poly1305(subkey).encrypt(b"\0\0\0\0" + nonce[16:], plaintext, aad)


# --- the inputs: bytes that count up from a first one, so that the test can make them too ---------
def counting(first, size=32):
    return bytes((first + i) & 0xFF for i in range(size))


INITIATOR, RESPONDER = counting(0x01), counting(0x21)
INITIATOR_EPHEMERAL, RESPONDER_EPHEMERAL = counting(0x41), counting(0x61)
PRESHARED = counting(0x81)
INITIATOR_INDEX, RESPONDER_INDEX = 0x11223344, 0x55667788
TIMESTAMP = struct.pack(">QI", 0x400000000000000A + 1_700_000_000, 0x07000000)
COOKIE_SECRET, COOKIE_NONCE = counting(0xA1), counting(0xC1, 24)
SOURCE = bytes([192, 0, 2, 1]) + struct.pack(">H", 51820)


def main():
    i_pub, r_pub = public_of(INITIATOR), public_of(RESPONDER)
    ie_pub, re_pub = public_of(INITIATOR_EPHEMERAL), public_of(RESPONDER_EPHEMERAL)

    chain = hash_(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    h = hash_(chain, b"WireGuard v1 zx2c4 Jason@zx2c4.com")
    h = hash_(h, r_pub)

    (chain,) = kdf(chain, ie_pub, 1)
    h = hash_(h, ie_pub)
    chain, key = kdf(chain, dh(INITIATOR_EPHEMERAL, r_pub), 2)
    sealed_static = seal(key, 0, i_pub, h)
    h = hash_(h, sealed_static)
    chain, key = kdf(chain, dh(INITIATOR, r_pub), 2)
    sealed_timestamp = seal(key, 0, TIMESTAMP, h)
    h = hash_(h, sealed_timestamp)
    initiation = (struct.pack("<II", 1, INITIATOR_INDEX) + ie_pub + sealed_static +
                  sealed_timestamp)
    mac1 = mac(hash_(b"mac1----", r_pub), initiation)

    (chain,) = kdf(chain, re_pub, 1)
    h = hash_(h, re_pub)
    (chain,) = kdf(chain, dh(RESPONDER_EPHEMERAL, ie_pub), 1)
    (chain,) = kdf(chain, dh(RESPONDER_EPHEMERAL, i_pub), 1)
    chain, tau, key = kdf(chain, PRESHARED, 3)
    h = hash_(h, tau)
    response = (struct.pack("<III", 2, RESPONDER_INDEX, INITIATOR_INDEX) + re_pub +
                seal(key, 0, b"", h))
    response += mac(hash_(b"mac1----", i_pub), response) + bytes(16)
    initiator_sends, responder_sends = kdf(chain, b"", 2)

    cookie = mac(COOKIE_SECRET, SOURCE)
    cookie_reply = (struct.pack("<II", 3, INITIATOR_INDEX) + COOKIE_NONCE +
                    xseal(hash_(b"cookie--", r_pub), COOKIE_NONCE, cookie, mac1))
    mac2 = mac(cookie, initiation, mac1)

    for name, value in (("kInitiation", initiation + mac1 + bytes(16)), ("kResponse", response),
                        ("kInitiatorSends", initiator_sends),
                        ("kResponderSends", responder_sends), ("kCookieReply", cookie_reply),
                        ("kMac2WithCookie", mac2)):
        print(f"inline constexpr std::string_view {name} =")
        digits = value.hex()
        lines = [digits[i:i + 88] for i in range(0, len(digits), 88)]
        print("\n".join(f'    "{line}"' for line in lines) + ";")


main()
