// Nothing on the packet path allocates: counted, with the C library's allocator replaced by one
// that counts what each thread asks of it. (That takes operator new along, which is made of it.)
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "agent/bench/path_workload.hpp"
#include "agent/bench/path_world.hpp"
#include "agent/wire/ip.hpp"
#include "agent/wire/wg.hpp"
#include "tests/support/skip.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define XM_ALLOCATOR_IS_TAKEN 1
#endif

namespace {
thread_local std::uint64_t allocations = 0;
}  // namespace

#ifndef XM_ALLOCATOR_IS_TAKEN

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* at, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* at);

void* malloc(std::size_t size) noexcept {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* at, std::size_t size) noexcept {
  ++allocations;
  return __libc_realloc(at, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** at, std::size_t alignment, std::size_t size) noexcept {
  ++allocations;
  *at = __libc_memalign(alignment, size);
  return *at == nullptr ? ENOMEM : 0;
}
void free(void* at) noexcept {
  __libc_free(at);
}
}

#endif

namespace xm {
namespace {

#ifdef XM_ALLOCATOR_IS_TAKEN
#define XM_NEEDS_ALLOCATOR() XM_SKIP("the sanitizers replace the allocator themselves")
#else
#define XM_NEEDS_ALLOCATOR() \
  do {                       \
  } while (false)
#endif

template <typename Action>
std::uint64_t allocations_in(Action action) {
  const std::uint64_t before = allocations;
  action();
  return allocations - before;
}

std::unique_ptr<AeadEngine> engine_of(AeadKind kind) {
  auto engine = make_aead_engine(kind);
  REQUIRE(engine.ok());
  return std::move(engine).value();
}

void run_tx(PathWorld& world, std::span<const PathWorkload::Packet> reads) {
  world.tun.load(reads);
  while (world.tx.run(world.tun).last == TunIo::done) {
  }
}

// What the walk allocates for these datagrams; making them does not count.
std::uint64_t rx_allocations(PathWorld& world, std::span<const Frame> frames) {
  world.socket.load(frames, world.source);
  return allocations_in([&] { (void)world.rx.run(world.socket); });
}

std::uint64_t drops(const PathWorld& world, xm_drop reason) {
  return world.counters.drops.of(reason);
}

}  // namespace

TEST_CASE("no allocation: the count sees every kind of it") {
  XM_NEEDS_ALLOCATOR();
  CHECK(allocations_in([] {}) == 0);
  CHECK(allocations_in([] { std::free(::strdup("a word")); }) == 1);
  CHECK(allocations_in([] { delete new std::string(); }) == 1);
  CHECK(allocations_in([] {
          struct alignas(128) Wide {
            char bytes[128];
          };
          delete new Wide;
        }) == 1);
  CHECK(allocations_in([] { std::free(std::realloc(std::calloc(1, 2), 3)); }) == 2);
}

TEST_CASE("no allocation: a vector somewhere on a walk is seen") {
  XM_NEEDS_ALLOCATOR();
  // An engine that does what the others must not.
  class Careless final : public AeadEngine {
   public:
    void seal(const Key& key, std::span<AeadJob> jobs) override {
      const std::vector<AeadJob> copy(jobs.begin(), jobs.end());
      engine_->seal(key, jobs);
    }
    void open(const Key& key, std::span<AeadJob> jobs) override {
      const std::vector<AeadJob> copy(jobs.begin(), jobs.end());
      engine_->open(key, jobs);
    }
    [[nodiscard]] std::string description() const override { return "careless"; }

   private:
    std::unique_ptr<AeadEngine> engine_ = engine_of(AeadKind::libsodium);
  };
  Careless engine;
  PathWorld world(engine);
  const PathWorkload workload = path_workloads(64).front();
  CHECK(allocations_in([&] { run_tx(world, workload.reads); }) > 0);
  CHECK(rx_allocations(world, world.seal(workload.segments)) > 0);
}

TEST_CASE("no allocation: every engine, every workload, both ways") {
  XM_NEEDS_ALLOCATOR();
  for (const AeadKind kind : available_aead_kinds()) {
    CAPTURE(aead_name(kind));
    const auto engine = engine_of(kind);
    for (const PathWorkload& workload : path_workloads(std::nullopt)) {
      CAPTURE(workload.name);
      PathWorld world(*engine);
      for (int batch = 0; batch < 3; ++batch) {
        CHECK(allocations_in([&] { run_tx(world, workload.reads); }) == 0);
        CHECK(rx_allocations(world, world.seal(workload.segments)) == 0);
      }
      CHECK(world.counters.sent_datagrams.value() == 3 * workload.segments.size());
      CHECK(world.counters.delivered_packets.value() == 3 * workload.segments.size());
    }
  }
}

TEST_CASE("no allocation: whatever a datagram dies of") {
  XM_NEEDS_ALLOCATOR();
  struct Row {
    xm_drop reason;
    void (*spoil)(const Frame& frame);
  };
  const auto engine = engine_of(AeadKind::libsodium);
  const PathWorkload workload = path_workloads(64).front();
  for (const Row& row : {
           Row{XM_DROP_malformed, [](const Frame& frame) { frame.data[0] = 9; }},
           Row{XM_DROP_unknown_index, [](const Frame& frame) { frame.data[4] ^= 1; }},
           Row{XM_DROP_bad_tag, [](const Frame& frame) { frame.data[frame.length - 1] ^= 1; }},
           Row{XM_DROP_counter_replayed, [](const Frame&) {}},
       }) {
    CAPTURE(drop_name(row.reason));
    PathWorld world(*engine);
    const auto frames = world.seal(workload.segments);
    if (row.reason == XM_DROP_counter_replayed) {
      for (const Frame& frame : frames) {
        CHECK(world.session->replay.accept(load_le64(frame.data + 8)) == ReplayVerdict::fresh);
      }
    }
    for (const Frame& frame : frames) row.spoil(frame);
    CHECK(rx_allocations(world, frames) == 0);
    CHECK(drops(world, row.reason) == frames.size());
  }
}

TEST_CASE(
    "no allocation: inner packets that are not the peer's, and handshakes for the control thread") {
  XM_NEEDS_ALLOCATOR();
  const auto engine = engine_of(AeadKind::libsodium);
  PathWorkload workload = path_workloads(64).front();
  PathWorld world(*engine);
  for (auto& segment : workload.segments) segment[ipv4::kSource] ^= 1;
  CHECK(rx_allocations(world, world.seal(workload.segments)) == 0);
  CHECK(drops(world, XM_DROP_source_not_allowed) == workload.segments.size());

  std::vector<std::uint8_t> initiation(kInitiationSize);
  initiation[0] = 1;
  const std::vector<Frame> flood(
      ReceiveBatch::kMaxFrames,
      Frame{.data = initiation.data(), .length = kInitiationSize, .source = 0});
  for (int batch = 0; batch < 3; ++batch) CHECK(rx_allocations(world, flood) == 0);
  CHECK(drops(world, XM_DROP_handshake_queue_full) ==
        3 * ReceiveBatch::kMaxFrames - ControlPort::kHandshakes);
}

TEST_CASE("no allocation: packets that nobody takes, or that wait for a session") {
  XM_NEEDS_ALLOCATOR();
  const auto engine = engine_of(AeadKind::libsodium);
  const std::vector<PathWorkload> workloads = path_workloads(std::nullopt);
  for (const PathWorkload& workload : workloads) {
    CAPTURE(workload.name);
    PathWorld world(*engine);
    // With the peer's queue to the control thread empty, and full.
    world.peer.sending.exchange(nullptr);
    for (int batch = 0; batch < 6; ++batch) {
      CHECK(allocations_in([&] { run_tx(world, workload.reads); }) == 0);
    }
    CHECK(drops(world, XM_DROP_control_queue_full) > 0);
    CHECK(drops(world, XM_DROP_control_queue_full) < 6 * workload.reads.size());

    world.peer.path.exchange(nullptr);
    CHECK(allocations_in([&] { run_tx(world, workload.reads); }) == 0);
    CHECK(drops(world, XM_DROP_no_endpoint) == workload.reads.size());

    const AllowedIps nobody;
    const AllowedIps* const before = world.allowed_ips.exchange(&nobody);
    CHECK(allocations_in([&] { run_tx(world, workload.reads); }) == 0);
    CHECK(drops(world, XM_DROP_no_allowed_ip) == workload.reads.size());
    world.allowed_ips.exchange(before);
  }
}

}  // namespace xm
