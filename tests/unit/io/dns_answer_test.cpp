#include "agent/io/dns_answer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/dns_answers.hpp"

using namespace xm;
using test::DnsAnswer;

namespace {

constexpr const char* kService = "_xdp-mesh._udp.example.net";

}  // namespace

TEST_CASE("dns answer: services come by priority, the heavier first") {
  DnsAnswer answer(kService, DnsAnswer::kSrv);
  answer.add_service(20, 0, 1, "c.example.net");
  answer.add_service(10, 1, 2, "b.example.net");
  answer.add_service(10, 5, 51820, "a.example.net");
  CHECK(services_in(answer.bytes()) == std::vector<Service>{{"a.example.net", 51820, 10, 5},
                                                            {"b.example.net", 2, 10, 1},
                                                            {"c.example.net", 1, 20, 0}});
}

TEST_CASE("dns answer: a service that makes no sense is left out") {
  DnsAnswer answer(kService, DnsAnswer::kSrv);
  answer.add_service(1, 1, 51820, "");  // RFC 2782: not available
  answer.add_service(1, 1, 0, "a.example.net");
  answer.add_service(1, 1, 1, "a b.example.net");
  answer.add_service(1, 1, 1, "-a.example.net");
  answer.add(DnsAnswer::kSrv, {0, 1, 0, 1, 0, 1});              // no target
  answer.add(DnsAnswer::kSrv, {0, 1, 0, 1, 0, 1, 0xc0, 0xff});  // a pointer past the end
  answer.add_text({"k=xm1"});
  answer.add_service(1, 1, 7, "ok.example.net");
  CHECK(services_in(answer.bytes()) == std::vector<Service>{{"ok.example.net", 7, 1, 1}});
}

TEST_CASE("dns answer: texts are those of the key, each string by itself") {
  DnsAnswer answer("a.example.net", DnsAnswer::kTxt);
  answer.add_text({"v=spf1 -all", "k=xm1first"});
  answer.add_text({"kk=x", "k", "K=x", "k=with space", "k=\x01", ""});
  answer.add_text({"k=xm1second"});
  answer.add(DnsAnswer::kTxt, {4, 'k', '=', 'x'});  // says four, has three
  CHECK(text_values_in(answer.bytes(), "k") == std::vector<std::string>{"xm1first", "xm1second"});
  CHECK(text_values_in(answer.bytes(), "v").empty());
}

TEST_CASE("dns answer: no more are taken than fit, and nothing from what is cut or no answer") {
  DnsAnswer many(kService, DnsAnswer::kSrv);
  for (int i = 0; i < 100; ++i) many.add_service(1, 1, 7, "a.example.net");
  CHECK(services_in(many.bytes()).size() == kMaxServices);
  DnsAnswer texts("a.example.net", DnsAnswer::kTxt);
  for (int i = 0; i < 100; ++i) texts.add_text({"k=a"});
  CHECK(text_values_in(texts.bytes(), "k").size() == kMaxTexts);

  DnsAnswer answer(kService, DnsAnswer::kSrv);
  answer.add_service(1, 1, 7, "a.example.net");
  const auto& bytes = answer.bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(services_in(Bytes(bytes).first(size)).empty());
    CHECK(text_values_in(Bytes(bytes).first(size), "k").empty());
  }
}
