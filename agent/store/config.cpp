#include "agent/store/config.hpp"

#include <toml++/toml.h>

#include <map>
#include <optional>
#include <utility>

#include "agent/store/config_keys.hpp"

namespace xm {
namespace {

// The path of a key, and its value as TOML.
using Shown = std::map<std::string, std::string, std::less<>>;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string as_toml(const ConfigValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  std::string out = "[";
  for (const std::string& text : std::get<std::vector<std::string>>(value)) {
    out += (out.size() > 1 ? ", " : "") + quoted(text);
  }
  return out + "]";
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
  }
  return true;
}

// The value, if it is of the type that the key has; texts are without control characters.
std::optional<ConfigValue> value_of(const ConfigKey& key, const toml::node& node) {
  if (key.type() == "a boolean" && node.is_boolean()) return node.as_boolean()->get();
  if (key.type() == "an integer" && node.is_integer()) return node.as_integer()->get();
  if (key.type() == "a text" && node.is_string() && is_printable(node.as_string()->get())) {
    return node.as_string()->get();
  }
  if (key.type() != "a list of texts" || !node.is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_string() || !is_printable(element.as_string()->get())) return std::nullopt;
    texts.push_back(element.as_string()->get());
  }
  return texts;
}

// One walk over a parsed file.
class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  void read(const toml::table& root) {
    StaticPeer none;
    read_table(root, "", none, shown_);
    for (const ConfigKey& key : config_keys()) {
      if (section_of(key.path) != kPeerSection) complete(key, none, shown_, root);
    }
    if (const toml::node* peers = root.get(kPeerSection)) read_peers(*peers);
  }

  // One a line, in the order of the file.
  [[nodiscard]] std::string faults() const {
    std::string out;
    for (const auto& [at, what] : faults_) {
      out += (out.empty() ? "" : "\n") + name_ + ":" + std::to_string(at.first) + ":" +
             std::to_string(at.second) + ": " + what;
    }
    return out;
  }
  [[nodiscard]] LoadedConfig take() { return {std::move(config_), text()}; }

 private:
  void fault(const toml::node& where, const std::string& what) {
    const auto at = where.source().begin;
    faults_.emplace(std::pair(at.line, at.column), what);
  }

  void set(const ConfigKey& key, const ConfigValue& value, const toml::node& where,
           StaticPeer& peer, Shown& shown) {
    const std::string expected = key.set(value, config_, peer);
    if (!expected.empty()) fault(where, std::string(key.path) + ": expected " + expected);
    shown[std::string(key.path)] = as_toml(value);
  }

  // Keys directly in a table whose path so far is `section`.
  void read_table(const toml::table& table, const std::string& section, StaticPeer& peer,
                  Shown& shown) {
    for (const auto& [name, node] : table) {
      const std::string path =
          section.empty() ? std::string(name.str()) : section + "." + std::string(name.str());
      if (section.empty() && path == kPeerSection) continue;
      if (const ConfigKey* key = find_config_key(path)) {
        read_key(*key, node, peer, shown);
      } else if (section.empty() && node.is_table() && is_section(path)) {
        read_table(*node.as_table(), path, peer, shown);
      } else {
        fault(node, "unknown key '" + (is_printable(path) ? path : "?") +
                        "'; `xdp-mesh config show --defaults` lists them all");
      }
    }
  }

  void read_key(const ConfigKey& key, const toml::node& node, StaticPeer& peer, Shown& shown) {
    const auto value = value_of(key, node);
    if (value) return set(key, *value, node, peer, shown);
    fault(node, std::string(key.path) + ": expected " + std::string(key.type()) + ", got " +
                    std::string(type_name(node)));
    shown[std::string(key.path)] = "";
  }

  // Gives a key that the file does not have its default.
  void complete(const ConfigKey& key, StaticPeer& peer, Shown& shown, const toml::node& where) {
    if (shown.contains(key.path)) return;
    if (key.is_required()) {
      return fault(where, std::string(key.path) + ": expected " + std::string(key.type()) + " (" +
                              std::string(key.meaning) + "), but it is not there");
    }
    const toml::table standard = toml::parse("v = " + std::string(key.standard));
    set(key, *value_of(key, *standard.get("v")), where, peer, shown);
  }

  void read_peers(const toml::node& peers) {
    if (!peers.is_array()) return fault(peers, "peer: expected [[peer]]");
    for (const toml::node& element : *peers.as_array()) {
      if (!element.is_table()) {
        fault(element, "peer: expected [[peer]]");
        continue;
      }
      StaticPeer peer;
      Shown shown;
      read_table(*element.as_table(), std::string(kPeerSection), peer, shown);
      for (const ConfigKey& key : config_keys()) {
        if (section_of(key.path) == kPeerSection) complete(key, peer, shown, element);
      }
      config_.peers.push_back(std::move(peer));
      peers_shown_.push_back(std::move(shown));
    }
  }

  [[nodiscard]] static bool is_section(std::string_view name) {
    for (const ConfigKey& key : config_keys()) {
      if (section_of(key.path) == name) return true;
    }
    return false;
  }

  static void show(const Shown& shown, std::string_view section, std::string& out) {
    for (const ConfigKey& key : config_keys()) {
      if (section_of(key.path) != section) continue;
      const auto found = shown.find(key.path);
      if (found == shown.end()) continue;
      out += std::string(name_in_section(key.path)) + " = " + found->second + "\n";
    }
  }

  [[nodiscard]] std::string text() const {
    std::string out;
    std::string_view section;
    show(shown_, section, out);
    for (const ConfigKey& key : config_keys()) {
      if (section_of(key.path) == section || section_of(key.path) == kPeerSection) continue;
      section = section_of(key.path);
      out += "\n[" + std::string(section) + "]\n";
      show(shown_, section, out);
    }
    for (const Shown& peer : peers_shown_) {
      out += "\n[[" + std::string(kPeerSection) + "]]\n";
      show(peer, kPeerSection, out);
    }
    return out;
  }

  std::string name_;
  // By line and column.
  std::multimap<std::pair<toml::source_index, toml::source_index>, std::string> faults_;
  MeshConfig config_;
  Shown shown_;
  std::vector<Shown> peers_shown_;
};

}  // namespace

Result<LoadedConfig> parse_config(const std::string& name, std::string_view text) {
  if (text.size() > kMaxConfigSize) {
    return Error{name + ": expected at most " + std::to_string(kMaxConfigSize) + " bytes, got " +
                 std::to_string(text.size())};
  }
  // toml++ says what is no TOML by an exception: it ends here.
  try {
    Reader reader(name);
    reader.read(toml::parse(text));
    if (std::string faults = reader.faults(); !faults.empty()) return Error{std::move(faults)};
    return reader.take();
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    return Error{name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                 std::string(error.description())};
  }
}

std::string documented_defaults() {
  std::string out =
      "# Every key of a mesh's configuration, /etc/xdp-mesh/NAME.toml; NAME is the "
      "interface.\n# What is commented out is the default.\n";
  std::string_view section;
  for (const ConfigKey& key : config_keys()) {
    if (section_of(key.path) != section) {
      section = section_of(key.path);
      const bool is_peer = section == kPeerSection;
      out += is_peer ? "\n# Peers outside the mesh, as often as needed.\n# [[peer]]\n"
                     : "\n[" + std::string(section) + "]\n";
    }
    out += "\n# " + std::string(key.meaning) + "\n# " + std::string(key.type());
    if (!key.unit.empty()) out += ", " + std::string(key.unit);
    out += key.is_required() ? "; must be given\n" : "\n";
    out += "# " + std::string(name_in_section(key.path)) + " = " +
           (key.is_required() ? "\"…\"" : std::string(key.standard)) + "\n";
  }
  return out;
}

}  // namespace xm
