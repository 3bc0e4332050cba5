#include "agent/io/dns_answer.hpp"

#include <arpa/nameser.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace xm {
namespace {

constexpr std::size_t kSrvHeader = 6;  // priority, weight, port

// Visits the answer's records of a type; the message is lent along.
using VisitRecord = std::function<void(const ns_msg& message, const ns_rr& record)>;

void for_each_answer(Bytes answer, ns_type type, const VisitRecord& visit) {
  ns_msg message{};
  if (answer.size() > NS_MAXMSG ||
      ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0) {
    return;
  }
  const int count = ns_msg_count(message, ns_s_an);
  for (int i = 0; i < count; ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) return;
    if (ns_rr_class(record) == ns_c_in && ns_rr_type(record) == type) visit(message, record);
  }
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::vector<Service> services_in(Bytes answer) {
  std::vector<Service> services;
  for_each_answer(answer, ns_t_srv, [&](const ns_msg& message, const ns_rr& record) {
    if (services.size() == kMaxServices || ns_rr_rdlen(record) <= kSrvHeader) return;
    const std::uint8_t* data = ns_rr_rdata(record);
    std::array<char, NS_MAXDNAME> host{};
    if (dn_expand(ns_msg_base(message), ns_msg_end(message), data + kSrvHeader, host.data(),
                  static_cast<int>(host.size())) < 0) {
      return;
    }
    Service service{host.data(), load_be16(data + 4), load_be16(data), load_be16(data + 2)};
    // A target of "." says that there is no such service; it is expanded to nothing.
    if (is_host_name(service.host) && service.port != 0) services.push_back(std::move(service));
  });
  std::stable_sort(services.begin(), services.end(), [](const Service& a, const Service& b) {
    return a.priority != b.priority ? a.priority < b.priority : a.weight > b.weight;
  });
  return services;
}

std::vector<std::string> text_values_in(Bytes answer, std::string_view key) {
  std::vector<std::string> values;
  for_each_answer(answer, ns_t_txt, [&](const ns_msg&, const ns_rr& record) {
    // A record is a sequence of strings, each behind a byte with its length.
    std::string_view rest(reinterpret_cast<const char*>(ns_rr_rdata(record)), ns_rr_rdlen(record));
    while (!rest.empty()) {
      const auto length = static_cast<std::uint8_t>(rest.front());
      std::string_view text = rest.substr(1, length);
      if (text.size() != length) return;
      rest.remove_prefix(std::size_t{1} + length);
      if (text.size() <= key.size() || !text.starts_with(key) || text[key.size()] != '=') continue;
      text.remove_prefix(key.size() + 1);
      if (values.size() < kMaxTexts && is_printable(text)) values.emplace_back(text);
    }
  });
  return values;
}

}  // namespace xm
