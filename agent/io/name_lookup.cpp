#include "agent/io/name_lookup.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <utility>

#include "agent/io/dns_answer.hpp"
#include "xdpmesh/fd.hpp"

namespace xm {
namespace {

// In one line, as many faults as there are.
void add_fault(std::string& faults, const std::string& fault) {
  faults += (faults.empty() ? "" : "; ") + fault;
}

void add_target(const Service& service, bool identities, Resolver& resolver, NameResult& result) {
  NameTarget target;
  target.host = service.host;
  if (const auto literal = IpAddress::parse(service.host)) {
    target.endpoints.push_back({*literal, service.port});
    result.targets.push_back(std::move(target));
    return;
  }
  auto addresses = resolver.addresses(service.host);
  if (!addresses) {
    add_fault(result.fault, addresses.error().what);
    return;
  }
  for (const IpAddress& address : *addresses) target.endpoints.push_back({address, service.port});
  if (identities) {
    auto texts = resolver.records(service.host, RecordType::txt);
    if (texts) {
      target.identities = text_values_in(*texts, kIdentityText);
    } else {
      add_fault(result.fault, texts.error().what);
    }
  }
  result.targets.push_back(std::move(target));
}

}  // namespace

NameResult look_up(const NameRequest& request, Resolver& resolver) {
  NameResult result;
  result.id = request.id;
  std::vector<Service> services;
  if (request.port != 0) {
    services.push_back({request.host, request.port});
  } else if (IpAddress::parse(request.host)) {
    result.fault = request.host + ": expected a port with an address";
    return result;
  } else {
    const std::string name = std::string(kServiceLabel) + request.host;
    auto records = resolver.records(name, RecordType::srv);
    if (!records) {
      result.fault = records.error().what;
      return result;
    }
    services = services_in(*records);
    if (services.empty())
      result.fault = name + ": expected an SRV record, found none; or give a port";
  }
  for (const Service& service : services) {
    add_target(service, request.identities, resolver, result);
  }
  return result;
}

struct NameLookup::Shared {
  std::unique_ptr<Resolver> resolver;  // the thread's
  Fd event;

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<NameRequest> requests;
  std::vector<NameResult> results;
  std::size_t pending = 0;  // asked and not taken
  bool stop = false;

  void announce(NameResult result) {
    const std::lock_guard lock(mutex);
    results.push_back(std::move(result));
    // Never full: it counts to 2^64.
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t rung = ::write(event.get(), &one, sizeof one);
  }
};

Result<std::unique_ptr<NameLookup>> NameLookup::create(std::unique_ptr<Resolver> resolver) {
  auto shared = std::make_shared<Shared>();
  shared->resolver = std::move(resolver);
  shared->event = Fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!shared->event) return errno_error("cannot make an event descriptor");
  // No signal is this thread's business.
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &former);
  auto thread_share = std::make_unique<std::shared_ptr<Shared>>(shared);
  pthread_t thread{};
  const int error = ::pthread_create(&thread, nullptr, &NameLookup::run, thread_share.get());
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
  if (error != 0) return errno_error("cannot start a thread for looking up names", error);
  [[maybe_unused]] const auto* taken_over = thread_share.release();
  ::pthread_detach(thread);
  return std::unique_ptr<NameLookup>(new NameLookup(std::move(shared)));
}

NameLookup::~NameLookup() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stop = true;
  shared_->wake.notify_one();
}

void* NameLookup::run(void* argument) {
  const std::unique_ptr<std::shared_ptr<Shared>> owned(
      static_cast<std::shared_ptr<Shared>*>(argument));
  Shared& shared = **owned;
  ::pthread_setname_np(::pthread_self(), "xm-names");
  while (true) {
    NameRequest request;
    {
      std::unique_lock lock(shared.mutex);
      shared.wake.wait(lock, [&] { return shared.stop || !shared.requests.empty(); });
      if (shared.stop) return nullptr;
      request = std::move(shared.requests.front());
      shared.requests.pop_front();
    }
    shared.announce(look_up(request, *shared.resolver));
  }
}

int NameLookup::fd() const {
  return shared_->event.get();
}

bool NameLookup::ask(NameRequest request) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->pending == kMaxPending) return false;
    ++shared_->pending;
  }
  if (IpAddress::parse(request.host)) {
    shared_->announce(look_up(request, *shared_->resolver));  // asks it nothing
    return true;
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->requests.push_back(std::move(request));
  shared_->wake.notify_one();
  return true;
}

std::vector<NameResult> NameLookup::take() {
  std::uint64_t rung = 0;
  [[maybe_unused]] const ssize_t read = ::read(shared_->event.get(), &rung, sizeof rung);
  const std::lock_guard lock(shared_->mutex);
  shared_->pending -= shared_->results.size();
  return std::exchange(shared_->results, {});
}

}  // namespace xm
