#include "agent/mesh/armour.hpp"

#include "agent/crypto/blake2b.hpp"
#include "agent/mesh/base32.hpp"
#include "agent/mesh/byte_codec.hpp"
#include "agent/mesh/text_lines.hpp"

namespace xm {
namespace {

constexpr std::size_t kBytesALine = 40;  // 64 characters
constexpr std::size_t kChecksumSize = 8;

std::string checksum(std::string_view kind, Bytes bytes) {
  const Hash hash = blake2b({bytes_of("xdp-mesh armour"), bytes_of(kind), bytes});
  return to_base32(Bytes(hash).first(kChecksumSize));
}

void append_comment(std::string& text, std::string_view comment) {
  while (!comment.empty()) {
    const std::size_t end = comment.find('\n');
    text += "# ";
    text += comment.substr(0, end);
    text += '\n';
    comment.remove_prefix(end == std::string_view::npos ? comment.size() : end + 1);
  }
}

}  // namespace

std::string armour(std::string_view kind, Bytes bytes, std::string_view comment) {
  std::string text = "xdp-mesh-" + std::string(kind) + " 1\n";
  append_comment(text, comment);
  for (Bytes left = bytes; !left.empty();) {
    const Bytes line = left.first(std::min(left.size(), kBytesALine));
    text += "bytes " + to_base32(line) + "\n";
    left = left.subspan(line.size());
  }
  return text + "checksum " + checksum(kind, bytes) + "\n";
}

Result<std::vector<std::uint8_t>> open_armour(std::string_view kind, std::string_view text,
                                              std::size_t most) {
  TextLines lines(text);
  if (const Status first = take_first_line(lines, kind); !first) return first.error();
  std::vector<std::uint8_t> bytes;
  unsigned last = 1;
  while (const auto line = lines.next()) {
    last = line->number;
    if (line->keyword == "checksum") {
      if (line->value != checksum(kind, bytes)) {
        return line_error(line->number, "the checksum is wrong, so a character is: copy it again");
      }
      if (const auto more = lines.next()) {
        return line_error(more->number, "expected nothing after the checksum");
      }
      return bytes;
    }
    const auto decoded = from_base32(line->value);
    if (line->keyword != "bytes" || !decoded || decoded->empty()) {
      return line_error(line->number, "expected \"bytes\" and base32, or \"checksum\"");
    }
    bytes.insert(bytes.end(), decoded->begin(), decoded->end());
    if (bytes.size() > most) {
      return line_error(line->number, "expected at most " + std::to_string(most) + " bytes in all");
    }
  }
  return line_error(last, "expected a line \"checksum …\" after it: the end is missing");
}

}  // namespace xm
