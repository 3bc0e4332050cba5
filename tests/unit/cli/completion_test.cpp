#include "agent/cli/completion.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace xm {

TEST_CASE("completion: every shell knows every option and command that help knows") {
  const auto help_of = [](const std::vector<std::string>& arguments) {
    return std::get<Message>(
               parse_command_line(arguments, [](const char*) { return std::nullopt; }))
        .text;
  };
  std::string help = help_of({"--help"}) + help_of({"bench", "--help"}) +
                     help_of({"attach", "--help"}) + help_of({"detach", "--help"}) +
                     help_of({"doctor", "--help"}) + help_of({"status", "--help"});
  for (const char* command : {"keygen", "export", "trust", "revoke", "netcheck", "peers", "resolve",
                              "ping", "down", "up"}) {
    help += help_of({command, "--help"});
  }
  for (const char* command : {"keygen", "sign", "delegate", "revoke"}) {
    help += help_of({"org", command, "--help"});
  }
  for (const char* command : {"check", "show"}) help += help_of({"config", command, "--help"});
  for (const Shell shell : {Shell::bash, Shell::zsh, Shell::fish}) {
    const std::string script(completion_script(shell));
    for (std::size_t at = help.find("--"); at != std::string::npos; at = help.find("--", at + 2)) {
      const std::size_t end = help.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at);
      const std::string option = help.substr(at + 2, end - at - 2);
      CAPTURE(option);
      CHECK(script.find(option) != std::string::npos);
    }
    for (const char* word :
         {"run",   "status", "attach",     "detach", "doctor",   "peers",   "resolve", "ping",
          "down",  "bench",  "completion", "json",   "ipsec-mb", "verbose", "keygen",  "export",
          "trust", "revoke", "org",        "config", "sign",     "netcheck"}) {
      CAPTURE(word);
      CHECK(script.find(word) != std::string::npos);
    }
    for (const std::string_view row : kBenchRows) {
      CAPTURE(row);
      CHECK(script.find(row) != std::string::npos);
    }
    for (const std::string_view backend : kBenchIoBackends) {
      CAPTURE(backend);
      CHECK(script.find(backend) != std::string::npos);
    }
  }
}

TEST_CASE("completion: bash completes with its script") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "script") << completion_script(Shell::bash);
  struct Row {
    const char* words;  // of the line, the last one under the cursor
    const char* expected;
  };
  for (const Row& row : {Row{"xdp-mesh --wor", "--workers"},
                         Row{"xdp-mesh st", "status"},
                         Row{"xdp-mesh completion z", "zsh"},
                         Row{"xdp-mesh --aead ip", "ipsec-mb"},
                         Row{"xdp-mesh run --mt", "--mtu"},
                         Row{"xdp-mesh ben", "bench"},
                         Row{"xdp-mesh org si", "sign"},
                         Row{"xdp-mesh trust --allow-s", "--allow-subnet"},
                         Row{"xdp-mesh config sh", "show"},
                         Row{"xdp-mesh bench --ro", "--rounds --rows"},
                         Row{"xdp-mesh bench --rows rtt-", "rtt-load"},
                         Row{"xdp-mesh bench --aead no", "none"},
                         Row{"xdp-mesh status --j", "--json"},
                         Row{"xdp-mesh status --w", "--watch"},
                         Row{"xdp-mesh u", "up"},
                         Row{"xdp-mesh up --di", "--dir"},
                         Row{"xdp-mesh pe", "peers"},
                         Row{"xdp-mesh ping gate --cou", "--count"},
                         Row{"xdp-mesh resolve --in", "--interface"},
                         Row{"xdp-mesh att", "attach"},
                         Row{"xdp-mesh attach --li", "--list"},
                         Row{"xdp-mesh attach eth0 --mode na", "native"},
                         Row{"xdp-mesh doctor --zerocopy y", "yes"},
                         Row{"xdp-mesh detach --t", "--to"},
                         Row{"xdp-mesh netcheck --st", "--stun"}}) {
    CAPTURE(row.words);
    std::ofstream(directory / "ask") << "source " << directory / "script"
                                     << "\nCOMP_WORDS=(" << row.words
                                     << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_xdp_mesh\n"
                                        "[ \"${COMPREPLY[*]}\" = '"
                                     << row.expected << "' ]\n";
    CHECK(std::system(("bash -eu " + (directory / "ask")).c_str()) == 0);
  }
}

}  // namespace xm
