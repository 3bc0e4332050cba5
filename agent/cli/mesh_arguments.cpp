#include "agent/cli/mesh_arguments.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <optional>

#include "agent/mesh/certificate.hpp"
#include "agent/mesh/names.hpp"
#include "agent/mesh/trust_text.hpp"
#include "agent/store/key_directory.hpp"

namespace xm {
namespace {

constexpr std::uint32_t kMostDays = kMostCertificateLife / kDay;

// "2027-01-31T23:59:59Z" in seconds since the epoch.
std::optional<std::int64_t> parse_utc(const std::string& text) {
  constexpr const char* kForm = "%Y-%m-%dT%H:%M:%SZ";
  std::tm parts{};
  const char* const end = strptime(text.c_str(), kForm, &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const std::time_t seconds = timegm(&parts);
  // A day that the month does not have has become one of the next.
  std::array<char, 32> again{};
  std::strftime(again.data(), again.size(), kForm, &parts);
  if (seconds <= 0 || text != again.data()) return std::nullopt;
  return seconds;
}

// Each text as a prefix; what is wrong, or nothing.
std::string take_prefixes(const char* option, const std::vector<std::string>& texts,
                          std::vector<Prefix>& out) {
  for (const std::string& text : texts) {
    const auto prefix = Prefix::parse_exact(text);
    if (!prefix) {
      return std::string(option) + ": expected an address, or a prefix without host bits, got '" +
             text + "'";
    }
    out.push_back(*prefix);
  }
  return {};
}

}  // namespace

MeshArguments::MeshArguments(CLI::App& app) {
  add(app, Action::keygen, "keygen", "Make this node's identity");

  CLI::App* export_app =
      add(app, Action::export_key, "export", "Print what others need to trust this node");
  export_app->add_flag("--org", command_.organisation, "The organisation whose key is here");
  export_app->add_flag("--delegate", command_.delegate, "The delegate whose key is here");

  CLI::App* trust_app =
      add(app, Action::trust, "trust",
          "Trust a node or an organisation, or take in a\ncertificate or revocation");
  add_what(*trust_app, "KEY|FILE", "xm1…, xo1…, or a file that was exported or signed");
  trust_app->add_flag("--org", command_.organisation,
                      "It is an organisation: whom it certifies is\ntrusted too");
  trust_app->add_option("--label", command_.label, "What to call it in messages")
      ->type_name("TEXT");
  add_grants(*trust_app);

  CLI::App* revoke_app = add(app, Action::revoke, "revoke",
                             "Trust a node or an organisation no longer, on this\nmachine");
  add_what(*revoke_app, "KEY", "xm1… or xo1…");

  CLI::App* org_app =
      app.add_subcommand("org", "Run an organisation, which vouches for its members");
  org_app->require_subcommand(1);
  CLI::App* keygen_app =
      add(*org_app, Action::org_keygen, "keygen", "Make an organisation's key, or a delegate's");
  keygen_app->add_flag("--delegate", command_.delegate, "A delegate's");
  CLI::App* sign_app =
      add(*org_app, Action::org_sign, "sign", "Make a member's certificate and print it");
  add_what(*sign_app, "KEY|FILE", "The member, xm1…, or what it exported");
  sign_app->add_flag("--delegate", command_.delegate,
                     "With the delegate's key also where the\norganisation's is");
  add_signing(*sign_app);
  CLI::App* delegate_app =
      add(*org_app, Action::org_delegate, "delegate", "Let a key sign members, within limits");
  add_what(*delegate_app, "KEY|FILE", "The delegate, xd1…, or what it exported");
  add_signing(*delegate_app);
  CLI::App* org_revoke_app = add(*org_app, Action::org_revoke, "revoke",
                                 "Revoke a member or a delegate and all whom it signed,\nfor good");
  add_what(*org_revoke_app, "KEY", "xm1… or xd1…");
  org_revoke_app->add_option("--out", command_.out, "Write it here (default: standard output)")
      ->type_name("FILE");

  CLI::App* config_app = app.add_subcommand("config", "Look at an interface's configuration");
  config_app->require_subcommand(1);
  CLI::App* check_app =
      add(*config_app, Action::config_check, "check", "Say whether a configuration is right");
  add_what(*check_app, "NAME|FILE", "An interface, or its configuration file");
  CLI::App* show_app =
      add(*config_app, Action::config_show, "show", "Print a configuration with all defaults");
  add_what(*show_app, "NAME|FILE", "An interface, or its configuration file", false);
  show_app->add_flag("--defaults", command_.defaults, "Print every key, its meaning and default");
}

CLI::App* MeshArguments::add(CLI::App& to, Action action, const char* name,
                             const char* description) {
  CLI::App* app = to.add_subcommand(name, description);
  app->footer("Exit status: 0 success, 1 failure, 2 wrong use.");
  app->add_option("--dir", command_.directory,
                  "Where keys and trust are (default: /etc/xdp-mesh,\n"
                  "for others than root ~/.config/xdp-mesh)")
      ->type_name("DIRECTORY");
  apps_.emplace_back(app, action);
  return app;
}

void MeshArguments::add_what(CLI::App& app, const char* name, const char* description,
                             bool required) {
  app.add_option(name, command_.what, description)->type_name("")->required(required);
}

void MeshArguments::add_grants(CLI::App& app) {
  app.add_option("--name", names_,
                 "A name that it may have, or the beginning of names\nand `*`; repeat for more")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--allow-address", addresses_, "An address or a prefix of them that it may have")
      ->type_name("PREFIX")
      ->allow_extra_args(false);
  app.add_option("--allow-subnet", subnets_, "A subnet that it may route, whole or in part")
      ->type_name("PREFIX")
      ->allow_extra_args(false);
}

void MeshArguments::add_signing(CLI::App& app) {
  add_grants(app);
  app.add_option("--mesh", command_.mesh, "For this mesh only (default: any)")->type_name("NAME");
  app.add_option("--days", command_.days,
                 "How long it holds (default: 90 for a member, 365 for\na delegate)")
      ->type_name("N")
      ->check(CLI::Range(1U, kMostDays).description(""));
  app.add_option_function<std::string>(
         "--until",
         [this](const std::string& text) { command_.until = parse_utc(text).value_or(0); },
         "The same as a time, as 2027-01-31T23:59:59Z")
      ->type_name("TIME")
      ->check([](const std::string& text) {
        return parse_utc(text)
                   ? std::string()
                   : "expected a time in UTC, as 2027-01-31T23:59:59Z, got '" + text + "'";
      })
      ->excludes("--days");
  app.add_option("--out", command_.out, "Write it here (default: standard output)")
      ->type_name("FILE");
}

std::optional<Result<MeshCommand>> MeshArguments::take(const Environment& environment) const {
  const auto parsed = std::find_if(apps_.begin(), apps_.end(),
                                   [](const auto& entry) { return entry.first->parsed(); });
  if (parsed == apps_.end()) return std::nullopt;
  MeshCommand command = command_;
  command.action = parsed->second;
  command.grants.names = names_;
  for (const std::string& name : names_) {
    if (!is_name_pattern(name)) {
      return Error{
          "--name: expected a DNS label in lower case, or the beginning of one and `*`, "
          "got '" +
          name + "'"};
    }
  }
  for (const std::string& fault :
       {take_prefixes("--allow-address", addresses_, command.grants.addresses),
        take_prefixes("--allow-subnet", subnets_, command.grants.subnets)}) {
    if (!fault.empty()) return Error{fault};
  }
  if (!is_label(command.label)) return Error{"--label: expected at most 64 printable characters"};
  if (!command.mesh.empty() && !is_mesh_name(command.mesh)) {
    return Error{"--mesh: expected 1 to 32 of a-z, 0-9 and \"-\", got '" + command.mesh + "'"};
  }
  if (command.organisation && command.delegate) return Error{"--org excludes --delegate"};
  if (command.action == Action::config_show && command.what.empty() == !command.defaults) {
    return Error{"config show: expected an interface, or --defaults"};
  }
  if (command.directory.empty()) {
    const auto path = KeyDirectory::default_path(::geteuid() == 0, environment);
    if (!path) return path.error();
    command.directory = path.value();
  }
  return command;
}

}  // namespace xm
