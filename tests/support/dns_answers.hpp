// DNS messages (RFC 1035) as a server would send them, for who reads them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xm::test {

class DnsAnswer {
 public:
  static constexpr std::uint16_t kA = 1;
  static constexpr std::uint16_t kTxt = 16;
  static constexpr std::uint16_t kAaaa = 28;
  static constexpr std::uint16_t kSrv = 33;

  explicit DnsAnswer(std::string_view question, std::uint16_t type, std::uint16_t id = 0x1234) {
    put16(id);
    put16(0x8180);  // an answer, recursion available
    for (const int count : {1, 0, 0, 0}) put16(static_cast<std::uint16_t>(count));
    put_name(question);
    put16(type);
    put16(1);
  }

  // About the question's name.
  void add(std::uint16_t type, const std::vector<std::uint8_t>& data) {
    put16(0xc00c);  // the name at offset 12
    put16(type);
    put16(1);
    put16(0);
    put16(60);
    put16(static_cast<std::uint16_t>(data.size()));
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    bytes_[7] = static_cast<std::uint8_t>(bytes_[7] + 1);
  }
  void add_service(std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
                   std::string_view target) {
    std::vector<std::uint8_t> data;
    for (const std::uint16_t number : {priority, weight, port}) {
      data.push_back(static_cast<std::uint8_t>(number >> 8));
      data.push_back(static_cast<std::uint8_t>(number));
    }
    append_name(data, target);
    add(kSrv, data);
  }
  void add_text(const std::vector<std::string>& strings) {
    std::vector<std::uint8_t> data;
    for (const std::string& text : strings) {
      data.push_back(static_cast<std::uint8_t>(text.size()));
      data.insert(data.end(), text.begin(), text.end());
    }
    add(kTxt, data);
  }
  // The answer code: 3 is "no such name".
  void set_code(std::uint8_t code) { bytes_[3] = static_cast<std::uint8_t>(0x80 | code); }

  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  void put16(std::uint16_t number) {
    bytes_.push_back(static_cast<std::uint8_t>(number >> 8));
    bytes_.push_back(static_cast<std::uint8_t>(number));
  }
  void put_name(std::string_view name) { append_name(bytes_, name); }
  static void append_name(std::vector<std::uint8_t>& to, std::string_view name) {
    while (!name.empty()) {
      const std::string_view label = name.substr(0, name.find('.'));
      to.push_back(static_cast<std::uint8_t>(label.size()));
      to.insert(to.end(), label.begin(), label.end());
      name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    to.push_back(0);
  }

  std::vector<std::uint8_t> bytes_;
};

}  // namespace xm::test
