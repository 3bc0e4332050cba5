// BoringSSL, as Debian ships it for Android's tools: ChaCha20 and Poly1305 interleaved in one pass
// over the packet, which on AVX2 is the fastest there is (docs/performance.md has the figures).
//
// Its names are OpenSSL's. It is therefore loaded aside (dlopen, RTLD_LOCAL) and bound to itself
// (RTLD_DEEPBIND), so that neither library ever calls into the other, and only this file sees its
// headers. It is optional at build and at run time.
#include "agent/crypto/aead_engines.hpp"

#if defined(XM_BORINGSSL_LIBRARY) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <dlfcn.h>
#include <openssl/aead.h>
#include <openssl/err.h>
#include <sodium.h>

#include "agent/crypto/nonce.hpp"

namespace xm {
namespace {

struct CloseLibrary {
  void operator()(void* library) const { dlclose(library); }
};
// What the library's own frames below ours may still hold of a key when a call is over: more than
// its deepest takes.
constexpr std::size_t kLibraryStack = 2048;

using Library = std::unique_ptr<void, CloseLibrary>;

struct Functions {
  decltype(&EVP_aead_chacha20_poly1305) algorithm = nullptr;
  decltype(&EVP_AEAD_CTX_init) init = nullptr;
  decltype(&EVP_AEAD_CTX_cleanup) cleanup = nullptr;
  decltype(&EVP_AEAD_CTX_seal) seal = nullptr;
  decltype(&EVP_AEAD_CTX_open) open = nullptr;
  decltype(&ERR_clear_error) clear_errors = nullptr;

  // False when one of them is not there.
  [[nodiscard]] bool load(void* library) {
    return find(library, "EVP_aead_chacha20_poly1305", algorithm) &&
           find(library, "EVP_AEAD_CTX_init", init) &&
           find(library, "EVP_AEAD_CTX_cleanup", cleanup) &&
           find(library, "EVP_AEAD_CTX_seal", seal) && find(library, "EVP_AEAD_CTX_open", open) &&
           find(library, "ERR_clear_error", clear_errors);
  }

 private:
  template <typename Function>
  static bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
  }
};

// One call's context. It lies on the stack, holds the key only for that long and is wiped:
// BoringSSL allocates nothing for this cipher.
class Context {
 public:
  Context(const Functions& functions, const Key& key) : functions_(functions) {
    usable_ = functions_.init(&context_, functions_.algorithm(), key.expose().data(),
                              key.expose().size(), kAeadTagSize, nullptr) == 1;
  }
  ~Context() {
    if (usable_) functions_.cleanup(&context_);
    sodium_memzero(&context_, sizeof context_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] bool seal(const AeadJob& job) const {
    const Nonce nonce = nonce_of(job.counter);
    std::size_t written = 0;
    return usable_ &&
           functions_.seal(&context_, job.out, &written, job.length + kAeadTagSize, nonce.data(),
                           nonce.size(), job.in, job.length, nullptr, 0) == 1;
  }

  // BoringSSL compares the tags itself, in constant time.
  [[nodiscard]] bool open(const AeadJob& job) const {
    if (!usable_ || job.length < kAeadTagSize) return false;
    const Nonce nonce = nonce_of(job.counter);
    std::size_t written = 0;
    return functions_.open(&context_, job.out, &written, job.length - kAeadTagSize, nonce.data(),
                           nonce.size(), job.in, job.length, nullptr, 0) == 1;
  }

 private:
  const Functions& functions_;
  EVP_AEAD_CTX context_;
  bool usable_ = false;
};

class BoringsslEngine final : public AeadEngine {
 public:
  BoringsslEngine(Library library, const Functions& functions)
      : library_(std::move(library)), functions_(functions) {}

  void seal(const Key& key, std::span<AeadJob> jobs) override {
    const Context context(functions_, key);
    for (const AeadJob& job : jobs) {
      if (!context.seal(job)) blank_sealed(job);
    }
    sodium_stackzero(kLibraryStack);
  }

  void open(const Key& key, std::span<AeadJob> jobs) override {
    const Context context(functions_, key);
    bool failed = false;
    for (AeadJob& job : jobs) {
      job.ok = context.open(job);
      failed = failed || !job.ok;
    }
    // Each failure has left a record in the thread's error queue, which nobody reads. (The queue is
    // allocated at a thread's first failure and lives as long as the thread.)
    if (failed) functions_.clear_errors();
    sodium_stackzero(kLibraryStack);
  }

  [[nodiscard]] std::string description() const override { return "boringssl"; }

 private:
  Library library_;
  Functions functions_;
};

}  // namespace

Result<std::unique_ptr<AeadEngine>> make_boringssl_engine() {
  // Never unmapped: a thread that has seen a failure ends through the library.
  Library library(
      dlopen(XM_BORINGSSL_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND | RTLD_NODELETE));
  if (library == nullptr) {
    return Error{std::string("BoringSSL cannot be loaded (package android-libboringssl): ") +
                 dlerror()};  // NOLINT(concurrency-mt-unsafe): of the calling thread
  }
  Functions functions;
  if (!functions.load(library.get())) {
    return Error{"BoringSSL at " XM_BORINGSSL_LIBRARY " lacks a function: another version?"};
  }
  return std::unique_ptr<AeadEngine>(
      std::make_unique<BoringsslEngine>(std::move(library), functions));
}

}  // namespace xm

#else

namespace xm {

Result<std::unique_ptr<AeadEngine>> make_boringssl_engine() {
  return Error{
      "this build has no BoringSSL (package android-libboringssl-dev; sanitizers exclude it, since "
      "they cannot load a library bound to itself)"};
}

}  // namespace xm

#endif
