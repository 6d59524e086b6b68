#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "event/permissions.h"

/// How each CLI is started: pure data and functions. Nothing is ever run by a shell.
namespace reeve::proc {

/// What one round is to do.
struct Launch {
  std::string prompt;
  Permissions permissions = Permissions::edits;
  std::optional<std::string> resume;  ///< the vendor's session to go on with
  /// The vendor's session that a new one begins as a copy of; not together with `resume`.
  std::optional<std::string> fork;
  std::optional<std::string> new_session;  ///< a UUID for a new one, used where the CLI lets us
  std::string model;                       ///< "" = the CLI's own choice
  std::filesystem::path prompt_file;       ///< where a 0600 copy of the prompt lies
  std::vector<std::string> extra;          ///< the user's own arguments, passed on as they are
};

/// A process to start.
struct Plan {
  std::vector<std::string> argv;           ///< argv[0] is looked up in PATH
  std::map<std::string, std::string> env;  ///< beside what the round gets anyway
  std::string stdin_text;                  ///< "" = /dev/null
  std::string dialect;
  std::optional<std::string> session;  ///< known before the start
  std::string permissions;  ///< a sentence: what this process may do. To be told as an event
};

/// How one can tell from files and variables alone that a CLI has been logged in.
struct LoginSigns {
  /// Any of these variables is a login; "*_API_KEY" stands for all that end so.
  std::span<const std::string_view> variables;
  /// Any of these files is one. "~/" is HOME; "$NAME/" is that variable, and if it is not set the
  /// sign is passed over; anything else is below the town's root.
  std::span<const std::string_view> files;
  /// With any of these variables or files there may be a login that cannot be seen.
  std::span<const std::string_view> perhaps_variables;
  std::span<const std::string_view> perhaps_files;
  /// Without any sign there is none: no keyring, no free models, no other place.
  bool certain = false;
  std::string_view command;  ///< what logs it in
};

struct Preset {
  std::string_view name;
  std::string_view description;
  std::string_view install;  ///< how a user gets it
  std::string_view program;
  std::string_view dialect;
  bool resumes = false;              ///< its sessions can be resumed by id
  bool forks = false;                ///< a new session can begin as a copy of one
  bool names_session = false;        ///< takes an id for a new session
  bool honours_permissions = false;  ///< false: it cannot be held to `ask` or `edits`
  /// As root it refuses `bypass`, unless this variable is 1: the user's word that the machine is a
  /// sandbox. It is never set by us.
  std::string_view root_variable;
  std::string_view minimum = {};      ///< the oldest version that was tried; "": none is named
  const LoginSigns* login = nullptr;  ///< null: nothing is known of its login
};

std::span<const Preset> presets();
/// Null if there is none of that name.
const Preset* find_preset(std::string_view name);

/// What an agent that runs as root will be refused by its CLI, and what to do. `variables`: the
/// names of those that the agent is given.
std::optional<std::string> refused_as_root(std::string_view cli, Permissions permissions,
                                           std::span<const std::string> variables);

/// The process for a preset's name, or for any command line. A command line is split into words as
/// a POSIX shell does (quotes, backslash) and nothing else of a shell; its words may hold
/// `{prompt_file}` or `{prompt}`, otherwise the prompt goes to its stdin, and its output is plain
/// text.
///
/// invalid_argument: an empty prompt or command, what only a shell could do (pipes, variables,
/// ...), a session for a CLI without sessions. unsupported: a fork by a CLI that cannot. too_large:
/// a prompt that would have to go on argv and is over limits::kArgvPrompt, or any over
/// limits::kPrompt.
Result<Plan> plan(std::string_view cli, const Launch& launch);

/// The words of a command line. invalid_argument: see plan().
Result<std::vector<std::string>> split_words(std::string_view command);

}  // namespace reeve::proc
