#include "agent/noise/symmetric_state.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "agent/crypto/chacha.hpp"
#include "agent/crypto/x25519.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

constexpr const char* kVectorFile = "/usr/share/gocode/src/github.com/flynn/noise/vectors.txt";
constexpr const char* kProtocol = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

using Vector = std::map<std::string, std::string>;

// Blocks of "name=value" lines, each opened by a line "handshake=PROTOCOL".
std::vector<Vector> read_vectors(std::istream& file) {
  std::vector<Vector> vectors;
  for (std::string line; std::getline(file, line);) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = line.substr(0, equals);
    if (name == "handshake") vectors.emplace_back();
    if (!vectors.empty()) vectors.back()[name] = line.substr(equals + 1);
  }
  std::erase_if(vectors, [](Vector& vector) { return vector["handshake"] != kProtocol; });
  return vectors;
}

struct KeyPair {
  explicit KeyPair(std::string_view hex) : secret(test::key_of_hex(hex)) {}
  Key secret;
  PublicKey point = public_key(secret);
};

void mix_dh(SymmetricState& state, const Key& secret, const PublicKey& point) {
  state.mix_key(shared_secret(secret, point).value().expose());
}

void mix_ephemeral(SymmetricState& state, const PublicKey& ephemeral) {
  state.mix_hash(ephemeral);
  state.mix_key(ephemeral);
}

// Appends what encrypt_and_hash() makes of `plaintext`.
void encrypt_to(test::Buffer& message, SymmetricState& state, Bytes plaintext) {
  const std::size_t at = message.size();
  message.resize(at + plaintext.size() + 16);
  state.encrypt_and_hash(plaintext, MutableBytes(message).subspan(at));
}

// The whole pattern as the framework defines it, with the vector's prologue and payloads.
struct Exchange {
  explicit Exchange(Vector& vector)
      : initiator(vector["init_static"]),
        responder(vector["resp_static"]),
        initiator_ephemeral(vector["gen_init_ephemeral"]),
        responder_ephemeral(vector["gen_resp_ephemeral"]),
        preshared_key(test::from_hex(vector["preshared_key"])),
        state(kProtocol, test::from_hex(vector["prologue"])) {
    state.mix_hash(responder.point);
  }

  test::Buffer first(Bytes payload) {
    test::Buffer message(initiator_ephemeral.point.begin(), initiator_ephemeral.point.end());
    mix_ephemeral(state, initiator_ephemeral.point);
    mix_dh(state, initiator_ephemeral.secret, responder.point);
    encrypt_to(message, state, initiator.point);
    mix_dh(state, initiator.secret, responder.point);
    encrypt_to(message, state, payload);
    return message;
  }
  test::Buffer second(Bytes payload) {
    test::Buffer message(responder_ephemeral.point.begin(), responder_ephemeral.point.end());
    mix_ephemeral(state, responder_ephemeral.point);
    mix_dh(state, responder_ephemeral.secret, initiator_ephemeral.point);
    mix_dh(state, responder_ephemeral.secret, initiator.point);
    state.mix_key_and_hash(preshared_key);
    encrypt_to(message, state, payload);
    return message;
  }

  KeyPair initiator;
  KeyPair responder;
  KeyPair initiator_ephemeral;
  KeyPair responder_ephemeral;
  test::Buffer preshared_key;
  SymmetricState state;
};

test::Buffer sealed(const Key& key, Bytes plaintext) {
  test::Buffer out(plaintext.size() + 16);
  seal_with_aad(key, 0, {}, plaintext, out);
  return out;
}

}  // namespace

TEST_CASE("SymmetricState: IKpsk2 agrees with flynn/noise's vectors") {
  std::ifstream file(kVectorFile);
  if (!file) XM_SKIP(std::string("no ") + kVectorFile + " (golang-github-flynn-noise-dev)");
  std::vector<Vector> vectors = read_vectors(file);
  CHECK(vectors.size() >= 4);
  for (Vector& vector : vectors) {
    Exchange exchange(vector);
    const auto payload = [&](const char* name) { return test::from_hex(vector[name]); };
    CHECK(test::to_hex(exchange.first(payload("msg_0_payload"))) == vector["msg_0_ciphertext"]);
    CHECK(test::to_hex(exchange.second(payload("msg_1_payload"))) == vector["msg_1_ciphertext"]);
    const auto [initiator_sends, responder_sends] = exchange.state.split();
    CHECK(test::to_hex(sealed(initiator_sends, payload("msg_2_payload"))) ==
          vector["msg_2_ciphertext"]);
    CHECK(test::to_hex(sealed(responder_sends, payload("msg_3_payload"))) ==
          vector["msg_3_ciphertext"]);
  }
}

TEST_CASE("SymmetricState: what one side encrypts, a side with the same transcript decrypts") {
  SymmetricState sender(kProtocol, test::counting(3));
  sender.mix_key(test::counting(32));
  SymmetricState receiver = sender.clone();

  for (const std::size_t size : {0U, 1U, 48U}) {
    const test::Buffer plaintext = test::noise(size, 7);
    test::Buffer ciphertext(size + 16);
    test::Buffer decrypted(size);
    sender.encrypt_and_hash(plaintext, ciphertext);
    REQUIRE(receiver.decrypt_and_hash(ciphertext, decrypted));
    CHECK(decrypted == plaintext);
  }
  CHECK(sender.split() == receiver.split());
}

TEST_CASE("SymmetricState: a refused ciphertext leaves the state as it was") {
  SymmetricState sender(kProtocol, {});
  sender.mix_key(test::counting(32));
  SymmetricState receiver = sender.clone();
  test::Buffer ciphertext(20);
  test::Buffer decrypted(4);
  sender.encrypt_and_hash(test::counting(4), ciphertext);

  ciphertext[5] ^= 1;
  CHECK_FALSE(receiver.decrypt_and_hash(ciphertext, decrypted));
  CHECK_FALSE(receiver.decrypt_and_hash(Bytes(ciphertext).first(15), {}));
  ciphertext[5] ^= 1;
  CHECK(receiver.decrypt_and_hash(ciphertext, decrypted));
  CHECK(decrypted == test::counting(4));
}

TEST_CASE("SymmetricState: another prologue, key or preshared key gives another transcript") {
  const auto opens = [](SymmetricState& receiver, Bytes ciphertext) {
    test::Buffer decrypted(ciphertext.size() - 16);
    return receiver.decrypt_and_hash(ciphertext, decrypted);
  };
  const auto make = [](std::uint8_t prologue, std::uint8_t key, std::uint8_t preshared) {
    SymmetricState state(kProtocol, {&prologue, 1});
    state.mix_key({&key, 1});
    state.mix_key_and_hash({&preshared, 1});
    return state;
  };
  SymmetricState sender = make(1, 2, 3);
  test::Buffer ciphertext(16);
  sender.encrypt_and_hash({}, ciphertext);

  SymmetricState same = make(1, 2, 3);
  SymmetricState other_prologue = make(0, 2, 3);
  SymmetricState other_key = make(1, 0, 3);
  SymmetricState other_preshared = make(1, 2, 0);
  CHECK(opens(same, ciphertext));
  CHECK_FALSE(opens(other_prologue, ciphertext));
  CHECK_FALSE(opens(other_key, ciphertext));
  CHECK_FALSE(opens(other_preshared, ciphertext));
}

}  // namespace xm
