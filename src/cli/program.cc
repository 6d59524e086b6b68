#include <algorithm>
#include <cerrno>
#include <ostream>

#include "base/near_names.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/help.h"

namespace reeve::cli {
namespace {

/// What stands before the command's name.
struct Front {
  std::optional<std::string> town;
  bool json = false;
  bool help = false;
  bool version = false;
};

/// Takes --json and --town away from the front of `args`. Behind a command's name they are options
/// of the command, so that they can be words of its text.
Status take_global(std::span<const std::string>& args, Front& front) {
  for (; !args.empty(); args = args.subspan(1)) {
    const auto& arg = args[0];
    if (arg == "--json") {
      front.json = true;
    } else if (arg.starts_with("--town=")) {
      front.town = arg.substr(7);
    } else if (arg == "--town" || arg == "-t") {
      if (args.size() < 2) return fail(Errc::invalid_argument, arg + " wants a folder");
      args = args.subspan(1);
      front.town = args[0];
    } else {
      return {};
    }
  }
  return {};
}

Result<Front> read_front(std::span<const std::string>& args) {
  Front front;
  for (;;) {
    if (auto taken = take_global(args, front); !taken) return fail(taken.error());
    if (args.empty()) return front;
    const auto& arg = args[0];
    if (arg == "--help" || arg == "-h")
      front.help = true;
    else if (arg == "--version")
      front.version = true;
    else
      return front;
    args = args.subspan(1);
  }
}

/// The entry that the first one or two words name; takes them away from `args`, and what stands
/// between them.
const Entry* find(std::span<const std::string>& args, std::span<const Entry* const> entries,
                  Front& front) {
  const auto named = [&](const std::string& name) -> const Entry* {
    const auto found = std::ranges::find(entries, name, [](const Entry* e) { return e->name; });
    return found == entries.end() ? nullptr : *found;
  };
  if (args.empty()) return nullptr;
  auto behind = args.subspan(1);
  auto with_between = front;
  if (take_global(behind, with_between) && !behind.empty()) {
    if (const auto* entry = named(args[0] + " " + behind[0])) {
      front = with_between;
      args = behind.subspan(1);
      return entry;
    }
  }
  const auto* entry = named(args[0]);
  if (entry != nullptr) args = args.subspan(1);
  return entry;
}

/// A command as a list of them has it.
struct Listed {
  std::string name;
  std::string summary;
};
BOOST_DESCRIBE_STRUCT(Listed, (), (name, summary))
struct Overview {
  std::string version;
  std::vector<Listed> commands;
};
BOOST_DESCRIBE_STRUCT(Overview, (), (version, commands))

void print_overview(Session& session, std::span<const Entry* const> entries) {
  if (session.json) {
    Overview all{session.version, {}};
    for (const auto* entry : entries) {
      if (!entry->hidden)
        all.commands.push_back({std::string(entry->name), std::string(entry->summary)});
    }
    session.print_json(all);
    return;
  }
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
  const auto refuse = [&](const Error& error) {
    // It may stand behind what is wrong.
    session.json = session.json || std::ranges::find(args, "--json") != args.end();
    return report(session, error);
  };
  auto words = args;
  auto front = read_front(words);
  if (!front) return refuse(front.error());
  auto& entries = session.entries;
  entries.clear();
  for (const auto& entry : commands()) entries.push_back(&entry);
  for (const auto& entry : more) entries.push_back(&entry);

  if (front->version) {
    session.print("reeve " + session.version);
    return 0;
  }
  const bool asks_help = front->help || (!words.empty() && words[0] == "help");
  if (!words.empty() && words[0] == "help") words = words.subspan(1);
  // Behind `help` it can be nothing else.
  if (asks_help && !words.empty()) {
    if (auto taken = take_global(words, *front); !taken) return refuse(taken.error());
  }
  if (words.empty()) {
    session.json = front->json;
    print_overview(session, entries);
    return asks_help ? 0 : describe(Errc::invalid_argument).exit_code;
  }
  const auto* entry = find(words, entries, *front);
  session.town = front->town;
  session.json = front->json;
  if (entry == nullptr) {
    // A family of commands, or a slip.
    std::vector<std::string> names;
    std::string family;
    for (const auto* known : entries) {
      if (!known->hidden) names.emplace_back(known->name);
      if (known->name.starts_with(words[0] + " "))
        family += "\n  reeve " + std::string(known->name) + "  " + std::string(known->summary);
    }
    if (!family.empty()) return refuse(Error(Errc::invalid_argument, "one of these:" + family));
    std::string hint;
    for (const auto& near : near_names(words[0], names))
      hint += (hint.empty() ? ": did you mean " : " or ") + near;
    return refuse(
        Error(Errc::invalid_argument,
              "no command " + words[0] + (hint.empty() ? " (reeve help lists them)" : hint + "?")));
  }
  const auto command = entry->make();
  Options options(entry->name, entry->summary, entry->examples);
  command->declare(options);
  options.section("Everywhere");
  options.value("-t,--town", session.town, "The town of that folder, instead of this one");
  options.flag("--json", session.json, "The answer as JSON, for programs");
  auto parsed =
      asks_help ? Result<std::optional<std::string>>(options.help()) : options.parse(words);
  if (!parsed) return refuse(parsed.error());
  if (*parsed) {
    const CommandHelp help{std::string(entry->name), std::string(entry->summary),
                           std::string(entry->examples), options.declared()};
    // It may stand behind --help.
    if (session.json || std::ranges::find(words, "--json") != words.end())
      session.print_json(help);
    else
      session.out << **parsed;
    return 0;
  }
  const auto done = command->run(session);
  if (!done) return report(session, done.error());
  errno = 0;
  session.out.flush();
  // Nobody reads any more: that is theirs to decide. A full disk is not.
  if (!session.out && errno != EPIPE && errno != 0)
    return report(session, os_error(errno, "standard output"));
  return 0;
}

}  // namespace reeve::cli
