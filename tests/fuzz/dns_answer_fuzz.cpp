// Whatever a name server sends: no crash, and what is read out is of the form that is promised.
#include <cstdlib>
#include <string>

#include "agent/io/dns_answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const xm::Bytes answer(data, size);
  const auto services = xm::services_in(answer);
  if (services.size() > xm::kMaxServices) std::abort();
  for (const xm::Service& service : services) {
    if (service.port == 0 || service.host.empty() || service.host.size() > 1024) std::abort();
    if (service.host.find_first_of(" /@:[]") != std::string::npos) std::abort();
  }
  const auto texts = xm::text_values_in(answer, "k");
  if (texts.size() > xm::kMaxTexts) std::abort();
  for (const std::string& text : texts) {
    if (text.size() > 253 || text.find_first_of(" \n") != std::string::npos) std::abort();
  }
  return 0;
}
