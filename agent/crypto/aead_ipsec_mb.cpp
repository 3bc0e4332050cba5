// Intel's IPsec-MB: the fastest where it exists (x86-64). It picks its instructions at run time,
// from SSE4.2 to AVX-512.
//
// Of its interfaces the single job without parameter checks is used: on AVX2 it takes 251 ns for
// 64 bytes and 1,089 for 1,424, the direct init/update/finalize calls 288 and 1,127, and bursts of
// 32 are within 3 % of it either way.
#include "agent/crypto/aead_engines.hpp"

#ifdef XM_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>
#include <sodium.h>

#include <array>

#include "agent/crypto/nonce.hpp"

namespace xm {
namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

const char* instructions_name(IMB_ARCH architecture) {
  switch (architecture) {
    case IMB_ARCH_AVX512:
      return "AVX-512";
    case IMB_ARCH_AVX2:
      return "AVX2";
    case IMB_ARCH_AVX:
      return "AVX";
    default:
      return "SSE";
  }
}

class IpsecMbEngine final : public AeadEngine {
 public:
  IpsecMbEngine(Manager manager, IMB_ARCH architecture)
      : manager_(std::move(manager)), architecture_(architecture) {}

  void seal(const Key& key, std::span<AeadJob> jobs) override {
    for (const AeadJob& job : jobs) {
      if (!run(key, job, IMB_DIR_ENCRYPT, job.length, job.out + job.length)) blank_sealed(job);
    }
  }

  void open(const Key& key, std::span<AeadJob> jobs) override {
    // A forged packet completes like any other: the tag that belongs to it is ours to compare. It
    // is as good as a key to whoever forges, so it is wiped.
    Secret<kAeadTagSize> computed;
    for (AeadJob& job : jobs) {
      job.ok = false;
      if (job.length < kAeadTagSize) continue;
      const std::uint32_t text_length = job.length - static_cast<std::uint32_t>(kAeadTagSize);
      // In place the text is overwritten; the tag behind it is not.
      job.ok = run(key, job, IMB_DIR_DECRYPT, text_length, computed.expose_mutable().data()) &&
               crypto_verify_16(computed.expose().data(), job.in + text_length) == 0;
    }
  }

  [[nodiscard]] std::string description() const override {
    return std::string("ipsec-mb (") + instructions_name(architecture_) + ")";
  }

 private:
  // Transforms `length` bytes and writes the tag; false when the library did not complete it.
  [[nodiscard]] bool run(const Key& key, const AeadJob& packet, IMB_CIPHER_DIRECTION direction,
                         std::uint32_t length, std::uint8_t* tag) {
    const Nonce nonce = nonce_of(packet.counter);
    IMB_JOB* job = IMB_GET_NEXT_JOB(manager_.get());
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = direction;
    job->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->enc_keys = key.expose().data();
    job->dec_keys = key.expose().data();
    job->key_len_in_bytes = key.expose().size();
    job->iv = nonce.data();
    job->iv_len_in_bytes = nonce.size();
    job->u.CHACHA20_POLY1305.aad = nullptr;
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
    job->src = packet.in;
    job->dst = packet.out;
    job->cipher_start_src_offset_in_bytes = 0;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = length;
    job->msg_len_to_hash_in_bytes = length;
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = kAeadTagSize;

    IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(manager_.get());
    // This cipher completes at once in the versions known; one that queues it is made to finish,
    // since nonce and tag live on our stack.
    if (done == nullptr) done = IMB_FLUSH_JOB(manager_.get());
    return done == job && done->status == IMB_STATUS_COMPLETED;
  }

  Manager manager_;
  IMB_ARCH architecture_;
};

}  // namespace

Result<std::unique_ptr<AeadEngine>> make_ipsec_mb_engine() {
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return Error{"IPsec-MB could not allocate its manager: out of memory"};
  IMB_ARCH architecture = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &architecture);
  if (const int error = imb_get_errno(manager.get()); error != 0) {
    return Error{std::string("IPsec-MB does not start on this CPU: ") + imb_get_strerror(error)};
  }
  if (architecture == IMB_ARCH_NONE) {
    return Error{"IPsec-MB does not start on this CPU: it needs SSE4.2 at least"};
  }
  return std::unique_ptr<AeadEngine>(
      std::make_unique<IpsecMbEngine>(std::move(manager), architecture));
}

}  // namespace xm

#else

namespace xm {

Result<std::unique_ptr<AeadEngine>> make_ipsec_mb_engine() {
  return Error{"this build has no IPsec-MB (x86-64 only; package libipsec-mb-dev)"};
}

}  // namespace xm

#endif
