#include "cli/completion.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ostream>
#include <set>

#include "cli/commands.h"
#include "client/settings_keys.h"
#include "client/town_look.h"
#include "model/fact.h"
#include "proc/preset.h"

namespace reeve::cli {
namespace {

/// Longer than a daemon takes that has nothing else to do; nobody waits longer for a key.
constexpr std::chrono::milliseconds kPatience{400};

/// What of a command line has been said before the word that is to be completed.
struct Line {
  std::optional<std::string> town;
  const Entry* entry = nullptr;
  std::vector<std::string> said;  ///< behind the command's name, or without one all
};

std::pair<std::string_view, std::string_view> halves(std::string_view name) {
  const auto blank = name.find(' ');
  if (blank == std::string_view::npos) return {name, {}};
  return {name.substr(0, blank), name.substr(blank + 1)};
}

const Entry* find(const Session& session, std::string_view name) {
  const auto found =
      std::ranges::find(session.entries, name, [](const Entry* entry) { return entry->name; });
  return found == session.entries.end() ? nullptr : *found;
}

Line read_line(const Session& session, std::span<const std::string> before) {
  Line line{.town = session.town};
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& word = before[i];
    if (word.starts_with("--town=")) {
      line.town = word.substr(7);
    } else if ((word == "--town" || word == "-t") && i + 1 < before.size()) {
      line.town = before[++i];
    } else if (word != "--json" && !(word == "help" && line.said.empty())) {
      line.said.push_back(word);
    }
  }
  if (line.said.empty()) return line;
  if (line.said.size() > 1) line.entry = find(session, line.said[0] + " " + line.said[1]);
  const std::size_t words = line.entry != nullptr ? 2 : 1;
  if (line.entry == nullptr) line.entry = find(session, line.said[0]);
  if (line.entry != nullptr)
    line.said.erase(line.said.begin(), line.said.begin() + static_cast<std::ptrdiff_t>(words));
  return line;
}

void add_commands(const Session& session, std::string_view family, std::vector<Candidate>& out) {
  std::set<std::string_view> seen;
  for (const auto* entry : session.entries) {
    if (entry->hidden) continue;
    const auto [first, second] = halves(entry->name);
    const auto word = family.empty() ? first : second;
    if (word.empty() || (!family.empty() && first != family) || !seen.insert(word).second) continue;
    const bool whole = family.empty() ? find(session, first) != nullptr : true;
    out.push_back(
        {std::string(word),
         whole ? std::string(family.empty() ? find(session, first)->summary : entry->summary)
               : std::string(first) + " ..."});
  }
}

class Values {
 public:
  Values(const Session& session, const Line& line, std::vector<Candidate>& out)
      : session_(session), line_(line), out_(out) {}

  void add(const OptionInfo& info) {
    for (const auto& choice : info.choices) out_.push_back({choice, ""});
    const auto& name = info.names.back();
    if (name == "AGENT" || name == "--agent" || name == "--parent") {
      add_agents("");
    } else if (name == "TO" || name == "WHOM" || name == "--from" || name == "--to") {
      add_agents("");
      out_.push_back({std::string(kSupervisor), "the people of the town"});
    } else if (name == "--scope") {
      out_.push_back({"town", "everything"});
      add_agents("agent:");
      for (const char* kind : {"task:", "run:", "thread:"}) out_.push_back({kind, ""});
    } else if (name == "--kind") {
      for (const auto& kind : fact_kinds()) out_.push_back({kind, ""});
    } else if (name == "--cli") {
      for (const auto& preset : proc::presets())
        out_.push_back({std::string(preset.name), std::string(preset.description)});
    } else if (name == "KEY") {
      for (const auto& key : client::setting_keys())
        out_.push_back({std::string(key.key), std::string(key.help)});
    } else if (name == "VALUE") {
      const auto* key = line_.said.empty() ? nullptr : client::find_setting(line_.said.front());
      if (key == nullptr) return;
      for (const auto choice : key->choices) out_.push_back({std::string(choice), ""});
      if (key->kind == client::SettingKind::flag)
        out_.insert(out_.end(), {{"true", ""}, {"false", ""}});
    } else if (name == "CODE") {
      for (const auto& code : error_codes()) out_.push_back({std::string(code.name), ""});
    } else if (name == "COMMAND") {
      add_commands(session_, "", out_);
    }
  }

 private:
  void add_agents(const std::string& before) {
    auto session = session_;
    session.town = line_.town;
    const auto folder = session.folder();
    if (!folder) return;
    const auto town = client::ask_running(*folder, kPatience);
    if (!town) return;
    for (const auto& view : town->agents) {
      out_.push_back(
          {before + view.agent.name, std::string(enum_name(view.agent.state)) +
                                         (view.agent.role ? ", " + *view.agent.role : "")});
    }
  }

  const Session& session_;
  const Line& line_;
  std::vector<Candidate>& out_;
};

const OptionInfo* named(const std::vector<OptionInfo>& all, std::string_view name) {
  const auto found = std::ranges::find_if(all, [&](const OptionInfo& info) {
    return !info.positional && std::ranges::find(info.names, name) != info.names.end();
  });
  return found == all.end() ? nullptr : &*found;
}

/// The positional that comes next; null: there is none.
const OptionInfo* next_positional(const std::vector<OptionInfo>& all,
                                  std::span<const std::string> said) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < said.size(); ++i) {
    const bool option = said[i].size() > 1 && said[i].starts_with('-');
    if (!option) {
      ++seen;
    } else if (const auto* info = named(all, said[i]); info != nullptr && !info->value.empty()) {
      ++i;
    }
  }
  for (const auto& info : all) {
    if (info.positional && (seen == 0 || info.repeats)) return &info;
    if (info.positional) --seen;
  }
  return nullptr;
}

void add_options(const std::vector<OptionInfo>& all, std::vector<Candidate>& out) {
  for (const auto& info : all) {
    if (!info.positional) out.push_back({info.names.back(), info.help});
  }
  out.push_back({"--help", "Show this help"});
}

std::vector<Candidate> of_command(const Session& session, const Line& line,
                                  const std::string& current) {
  const auto command = line.entry->make();
  Options options(line.entry->name, line.entry->summary, line.entry->examples);
  command->declare(options);
  auto all = options.declared();
  all.push_back({.names = {"-t", "--town"}, .help = "The town of that folder", .value = "DIR"});
  all.push_back({.names = {"--json"}, .help = "The answer as JSON, for programs"});
  std::vector<Candidate> out;
  Values values(session, line, out);
  const auto* before = line.said.empty() ? nullptr : named(all, line.said.back());
  if (before != nullptr && !before->value.empty()) {
    values.add(*before);
    return out;
  }
  if (const auto equals = current.find('=');
      current.starts_with("--") && equals != std::string::npos) {
    const auto* info = named(all, current.substr(0, equals));
    if (info == nullptr) return out;
    values.add(*info);
    for (auto& candidate : out) candidate.text.insert(0, current.substr(0, equals + 1));
    return out;
  }
  if (current.starts_with('-')) {
    add_options(all, out);
    return out;
  }
  if (const auto* next = next_positional(all, line.said)) values.add(*next);
  if (line.said.empty()) add_commands(session, line.entry->name, out);
  return out;
}

constexpr std::string_view kBash =
    R"(# Completion of reeve for bash: source <(reeve completion bash)
_reeve() {
  local i word cur prefix
  local -a words=()
  # bash splits words at : and =, which belong to them here.
  for ((i = 1; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]} > 0)) && [[ $word == [=:]* || ${words[-1]} == *[=:] ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  ((${#words[@]} > 0)) || return 0
  cur=${words[-1]}
  mapfile -t COMPREPLY < <("${COMP_WORDS[0]/#\~\//$HOME/}" __complete -- "${words[@]}" 2>/dev/null)
  COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")
  if [[ $cur == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then
    prefix=${cur%"${cur##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
  fi
  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:] ]]; then compopt -o nospace 2>/dev/null; fi
  return 0
}
complete -o bashdefault -o default -F _reeve reeve
)";

constexpr std::string_view kZsh = R"(#compdef reeve
# Completion of reeve for zsh: as a file _reeve in a folder of $fpath, or source <(reeve completion zsh)
_reeve() {
  local -a described
  local line
  for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( $#described )); then
    _describe -t reeve reeve described
  else
    _files
  fi
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
  _reeve "$@"
else
  compdef _reeve reeve
fi
)";

constexpr std::string_view kFish = R"(# Completion of reeve for fish: reeve completion fish | source
function __reeve_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] __complete -- $words[2..-1] "$current" 2>/dev/null
end
complete -c reeve -f -a '(__reeve_complete)'
)";

class Completion final : public Command {
  void declare(Options& options) override {
    options.choice("SHELL", shell_, {"bash", "zsh", "fish"}, "Whose");
  }
  Status run(Session& session) override {
    if (shell_.empty()) return fail(Errc::invalid_argument, "which shell: bash, zsh or fish?");
    if (session.json) {
      session.print(write_json({{"shell", shell_}, {"script", completion_script(shell_)}}));
    } else {
      session.out << completion_script(shell_);
    }
    return {};
  }
  std::string shell_;
};

class Complete final : public Command {
  void declare(Options& options) override {
    options.rest("WORDS", words_, "What stands behind `reeve`, up to the word to complete");
  }
  Status run(Session& session) override {
    if (words_.empty()) words_.emplace_back();
    const auto found = candidates(session, words_);
    if (session.json) {
      json::array all;
      for (const auto& each : found) all.push_back({{"text", each.text}, {"help", each.help}});
      session.print(write_json(all));
      return {};
    }
    for (const auto& each : found)
      session.out << each.text << '\t' << one_line(each.help, 80) << '\n';
    return {};
  }
  std::vector<std::string> words_;
};

}  // namespace

std::vector<Candidate> candidates(const Session& session, std::span<const std::string> words) {
  if (words.empty()) return {};
  const auto& current = words.back();
  const auto line = read_line(session, words.first(words.size() - 1));
  const auto before = words.size() > 1 ? words[words.size() - 2] : std::string();
  std::vector<Candidate> out;
  if (before == "--town" || before == "-t") return out;  // a folder: the shell knows them
  if (line.entry != nullptr) {
    out = of_command(session, line, current);
  } else if (line.said.size() == 1) {
    add_commands(session, line.said.front(), out);
  } else if (line.said.empty() && current.starts_with('-')) {
    out = {{"--json", "The answer as JSON, for programs"},
           {"--town", "The town of that folder"},
           {"--help", "All commands"},
           {"--version", "This program's version"}};
  } else if (line.said.empty()) {
    add_commands(session, "", out);
    out.push_back({"help", "What a command does"});
  }
  std::erase_if(out, [&](const Candidate& each) { return !each.text.starts_with(current); });
  return out;
}

std::string_view completion_script(std::string_view shell) {
  if (shell == "zsh") return kZsh;
  return shell == "fish" ? kFish : kBash;
}

std::unique_ptr<Command> make_completion() { return make_command<Completion>(); }
std::unique_ptr<Command> make_complete() { return make_command<Complete>(); }

}  // namespace reeve::cli
