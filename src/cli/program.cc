#include <algorithm>
#include <ostream>

#include "base/near_names.h"
#include "base/utf8.h"
#include "cli/command.h"

namespace reeve::cli {
namespace {

/// Options that stand before or behind any command.
struct Global {
  std::vector<std::string> rest;
  std::optional<std::string> town;
  bool json = false;
  bool help = false;
  bool version = false;
};

Result<Global> read_global(std::span<const std::string> args) {
  Global global;
  bool literal = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const auto& arg = args[i];
    if (literal || (arg != "--town" && arg != "-t" && arg != "--json" &&
                    !arg.starts_with("--town=") && arg != "--")) {
      const bool first = global.rest.empty();
      if (first && (arg == "--help" || arg == "-h"))
        global.help = true;
      else if (first && arg == "--version")
        global.version = true;
      else
        global.rest.push_back(arg);
      continue;
    }
    if (arg == "--") {
      literal = true;
      global.rest.push_back(arg);
    } else if (arg == "--json") {
      global.json = true;
    } else if (arg.starts_with("--town=")) {
      global.town = arg.substr(7);
    } else if (i + 1 < args.size()) {
      global.town = args[++i];
    } else {
      return fail(Errc::invalid_argument, arg + " wants a folder");
    }
  }
  return global;
}

/// The entry that the first one or two words name, and how many words that took.
std::pair<const Entry*, std::size_t> find(std::span<const std::string> words,
                                          std::span<const Entry* const> entries) {
  const Entry* found = nullptr;
  std::size_t used = 0;
  for (const auto* entry : entries) {
    const std::string one = words.empty() ? "" : words[0];
    const std::string two = words.size() < 2 ? one : one + " " + words[1];
    if (entry->name == two && two != one) return {entry, 2};
    if (entry->name == one) {
      found = entry;
      used = 1;
    }
  }
  return {found, used};
}

void print_overview(Session& session, std::span<const Entry* const> entries) {
  session.out << "reeve runs a town of coding agents and loses nothing they do.\n\nusage: reeve "
                 "[--town DIR] [--json] COMMAND ...\n\n";
  Table table;
  for (const auto* entry : entries) {
    if (!entry->hidden)
      table.row({"  " + session.paint(Colour::bold, entry->name), std::string(entry->summary)});
  }
  table.print(session.out);
  session.out << "\n`reeve COMMAND --help` says more. Exit codes: 0 ok, 1 failure, 2 usage, 3 not "
                 "found, 4 conflict,\n"
                 "5 timeout, 6 unavailable, 7 denied.\n";
}

int report(Session& session, const Error& error) {
  const auto& code = describe(error.code());
  if (session.json) {
    session.err << write_json({{"code", code.name}, {"detail", to_utf8(error.message())}}) << '\n';
  } else {
    session.err << session.paint(Colour::red, "reeve: ") << error.message() << '\n';
  }
  return code.exit_code;
}

}  // namespace

Result<client::TownFolder> Session::folder() const {
  if (town) return client::find_town(*town);
  // An agent may work in a folder of its own (a worktree): the round says where its town is.
  if (const char* of_round = std::getenv("REEVE_TOWN");
      of_round != nullptr && std::getenv("REEVE_TOKEN") != nullptr) {
    return client::find_town(of_round);
  }
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  if (error) return fail(os_error(error.value(), "this folder"));
  return client::find_town(here);
}

Result<client::Client> Session::client() const {
  auto found = folder();
  if (!found) return fail(found.error());
  return client::Client(std::move(*found), client::settings_from_environment(version));
}

void Session::print(std::string_view line) { out << line << '\n' << std::flush; }

int run_program(std::span<const std::string> args, std::span<const Entry> more, Session session) {
  auto global = read_global(args);
  if (!global) return report(session, global.error());
  session.town = global->town;
  session.json = global->json;
  std::vector<const Entry*> entries;
  for (const auto& entry : commands()) entries.push_back(&entry);
  for (const auto& entry : more) entries.push_back(&entry);

  auto words = std::span<const std::string>(global->rest);
  if (global->version) {
    session.print("reeve " + session.version);
    return 0;
  }
  const bool asks_help = global->help || (!words.empty() && words[0] == "help");
  if (!words.empty() && words[0] == "help") words = words.subspan(1);
  if (words.empty()) {
    print_overview(session, entries);
    return asks_help ? 0 : describe(Errc::invalid_argument).exit_code;
  }
  const auto [entry, used] = find(words, entries);
  if (entry == nullptr) {
    // A family of commands, or a slip.
    std::vector<std::string> names;
    std::string family;
    for (const auto* known : entries) {
      if (!known->hidden) names.emplace_back(known->name);
      if (known->name.starts_with(words[0] + " "))
        family += "\n  reeve " + std::string(known->name) + "  " + std::string(known->summary);
    }
    if (!family.empty())
      return report(session, Error(Errc::invalid_argument, "one of these:" + family));
    std::string hint;
    for (const auto& near : near_names(words[0], names))
      hint += (hint.empty() ? ": did you mean " : " or ") + near;
    return report(session, Error(Errc::invalid_argument,
                                 "no command " + words[0] +
                                     (hint.empty() ? " (reeve help lists them)" : hint + "?")));
  }
  const auto command = entry->make();
  Options options(entry->name, entry->summary, entry->examples);
  command->declare(options);
  if (asks_help) {
    session.out << options.help();
    return 0;
  }
  auto parsed = options.parse(words.subspan(used));
  if (!parsed) return report(session, parsed.error());
  if (*parsed) {
    session.out << **parsed;
    return 0;
  }
  const auto done = command->run(session);
  return done ? 0 : report(session, done.error());
}

}  // namespace reeve::cli
