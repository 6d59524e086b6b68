#include "proc/preset.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.h"
#include "base/limits.h"
#include "proc/login_signs.h"

namespace reeve::proc {
namespace {

using Words = std::vector<std::string>;

void add(Words& argv, std::initializer_list<std::string_view> words) {
  for (const auto word : words) argv.emplace_back(word);
}

/// One of three, by what the user allows.
std::string_view by(Permissions permissions, std::string_view ask, std::string_view edits,
                    std::string_view bypass) {
  switch (permissions) {
    case Permissions::ask: return ask;
    case Permissions::edits: return edits;
    case Permissions::bypass: return bypass;
  }
  return ask;
}

// Each function adds the arguments, the environment and the way of the prompt. What a CLI reads on
// stdin was tried with the version that is named in its recordings (tests/fixtures/cli).

// As root it exits at once from `bypass`, unless IS_SANDBOX=1 is in its environment. To say so is
// the user's: reeve spawn --env IS_SANDBOX=1 (refused_as_root).
Status claude(const Launch& launch, Plan& plan) {
  add(plan.argv,
      {"-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages"});
  add(plan.argv,
      {"--permission-mode", by(launch.permissions, "default", "acceptEdits", "bypassPermissions")});
  if (!launch.model.empty()) add(plan.argv, {"--model", launch.model});
  if (launch.resume) add(plan.argv, {"--resume", *launch.resume});
  if (launch.fork) add(plan.argv, {"--resume", *launch.fork, "--fork-session"});
  if (plan.session && !launch.resume) add(plan.argv, {"--session-id", *plan.session});
  plan.env["DISABLE_AUTOUPDATER"] = "1";
  plan.stdin_text = launch.prompt;
  plan.permissions = by(launch.permissions,
                        "Claude Code may look; what it would ask about (edits, commands) is denied",
                        "Claude Code may edit files; what else it would ask about is denied",
                        "Claude Code may do anything without asking");
  return {};
}

Status codex_with(const Launch& launch, Plan& plan, std::string_view model) {
  add(plan.argv, {"exec", "--json", "--skip-git-repo-check"});
  if (launch.permissions == Permissions::bypass) {
    add(plan.argv, {"--dangerously-bypass-approvals-and-sandbox"});
  } else {
    add(plan.argv, {"--sandbox", by(launch.permissions, "read-only", "workspace-write", "")});
  }
  if (!model.empty()) add(plan.argv, {"-m", model});
  // Options of `exec` must stand before `resume` and `fork`; "-" says that the prompt comes on
  // stdin.
  plan.argv.insert(plan.argv.end(), launch.extra.begin(), launch.extra.end());
  if (launch.resume) add(plan.argv, {"resume", *launch.resume});
  if (launch.fork) add(plan.argv, {"fork", *launch.fork});
  add(plan.argv, {"-"});
  plan.stdin_text = launch.prompt;
  plan.permissions = by(launch.permissions, "Codex runs in its read-only sandbox and never asks",
                        "Codex runs in its sandbox, may write in its folder only, and never asks",
                        "Codex may do anything, without a sandbox and without asking");
  return {};
}
Status codex(const Launch& launch, Plan& plan) { return codex_with(launch, plan, launch.model); }
Status codex_mini(const Launch& launch, Plan& plan) {
  auto mini = launch;
  mini.extra.insert(mini.extra.begin(), {"-c", "model_reasoning_effort=\"medium\""});
  return codex_with(mini, plan, launch.model.empty() ? "gpt-5.4-mini" : launch.model);
}

Status gemini(const Launch& launch, Plan& plan) {
  add(plan.argv, {"-o", "stream-json", "--approval-mode",
                  by(launch.permissions, "default", "auto_edit", "yolo")});
  if (!launch.model.empty()) add(plan.argv, {"-m", launch.model});
  if (launch.resume) add(plan.argv, {"--resume", *launch.resume});
  if (plan.session && !launch.resume) add(plan.argv, {"--session-id", *plan.session});
  plan.env["GEMINI_CLI_NO_RELAUNCH"] = "true";  // its launcher does not pass signals on
  // It refuses to run in a folder that it was not told to trust. That is the user's to say, and
  // `bypass` says it.
  if (launch.permissions == Permissions::bypass) plan.env["GEMINI_CLI_TRUST_WORKSPACE"] = "true";
  plan.stdin_text = launch.prompt;
  plan.permissions =
      by(launch.permissions, "Gemini may look; it is not given tools that it would ask about",
         "Gemini may edit files; it is not given a shell",
         "Gemini may do anything without asking, and trusts this folder's own configuration");
  return {};
}

Status qwen(const Launch& launch, Plan& plan) {
  add(plan.argv, {"-o", "stream-json", "--include-partial-messages", "--approval-mode",
                  by(launch.permissions, "default", "auto-edit", "yolo")});
  if (!launch.model.empty()) add(plan.argv, {"-m", launch.model});
  if (launch.resume) add(plan.argv, {"--resume", *launch.resume});
  if (plan.session && !launch.resume) add(plan.argv, {"--session-id", *plan.session});
  plan.stdin_text = launch.prompt;
  plan.permissions =
      by(launch.permissions, "Qwen may look; it is not given tools that it would ask about",
         "Qwen may edit files; it is not given a shell", "Qwen may do anything without asking");
  return {};
}

Status opencode(const Launch& launch, Plan& plan) {
  add(plan.argv, {"run", "--format", "json", "--thinking"});
  if (launch.permissions == Permissions::bypass) {
    add(plan.argv, {"--auto"});
  } else {
    // Its default lets commands run. "ask" would be rejected too, but ends the run on the spot;
    // "deny" lets it go on without the tool.
    plan.env["OPENCODE_PERMISSION"] =
        by(launch.permissions,
           R"({"edit":"deny","bash":"deny","external_directory":"deny","doom_loop":"deny"})",
           R"({"bash":"deny","external_directory":"deny","doom_loop":"deny"})", "");
  }
  if (!launch.model.empty()) add(plan.argv, {"--model", launch.model});
  if (launch.resume) add(plan.argv, {"--session", *launch.resume});
  if (launch.fork) add(plan.argv, {"--session", *launch.fork, "--fork"});
  plan.env["OPENCODE_DISABLE_AUTOUPDATE"] = "1";
  plan.stdin_text = launch.prompt;
  plan.permissions =
      by(launch.permissions, "OpenCode may look; edits, commands and other folders are denied",
         "OpenCode may edit files of its folder; commands and other folders are denied",
         "OpenCode may do anything that its own configuration does not deny, without asking");
  return {};
}

Status pi(const Launch& launch, Plan& plan) {
  add(plan.argv, {"--mode", "json", "-p"});
  // pi never asks; what it must not do, it is not given the tools for.
  if (launch.permissions != Permissions::bypass)
    add(plan.argv, {"--tools", by(launch.permissions, "read,grep,find,ls",
                                  "read,grep,find,ls,edit,write", "")});
  if (!launch.model.empty()) add(plan.argv, {"--model", launch.model});
  if (launch.resume) add(plan.argv, {"--session", *launch.resume});
  plan.env["PI_SKIP_VERSION_CHECK"] = "1";
  plan.stdin_text = launch.prompt;
  plan.permissions = by(launch.permissions, "pi is given its reading tools only",
                        "pi may edit files, in any folder; it is not given a shell",
                        "pi may do anything; it never asks");
  return {};
}

Status too_long_for_argv(const Launch& launch) {
  if (launch.prompt.contains('\0'))
    return fail(Errc::invalid_argument, "the prompt has a NUL byte and would go on a command line");
  if (launch.prompt.size() > limits::kArgvPrompt)
    return fail(
        Errc::too_large,
        fmt::format("the prompt has {} bytes; this command takes it as an argument, which "
                    "may have {}. A command that reads stdin or {{prompt_file}} has no such "
                    "limit",
                    launch.prompt.size(), limits::kArgvPrompt));
  return {};
}

Status needs_file(const Launch& launch) {
  if (launch.prompt_file.empty())
    return fail(Errc::invalid_argument, "the command needs a prompt file and there is none");
  return {};
}

Status aider(const Launch& launch, Plan& plan) {
  if (auto has = needs_file(launch); !has) return has;
  add(plan.argv, {"--message-file", launch.prompt_file.native(), "--no-auto-commits",
                  "--yes-always", "--no-pretty", "--no-check-update"});
  if (launch.permissions == Permissions::ask) add(plan.argv, {"--dry-run"});
  if (launch.permissions != Permissions::bypass) add(plan.argv, {"--no-suggest-shell-commands"});
  if (!launch.model.empty()) add(plan.argv, {"--model", launch.model});
  plan.permissions =
      by(launch.permissions, "Aider changes no file and suggests no commands",
         "Aider may edit files; it suggests no commands", "Aider may do anything without asking");
  return {};
}

Status auggie(const Launch& launch, Plan& plan) {
  if (auto has = needs_file(launch); !has) return has;
  add(plan.argv, {"--print", "--instruction-file", launch.prompt_file.native()});
  if (!launch.model.empty()) add(plan.argv, {"--model", launch.model});
  return {};
}

Status copilot(const Launch& launch, Plan& plan) {
  if (auto fits = too_long_for_argv(launch); !fits) return fits;
  if (launch.permissions == Permissions::edits) add(plan.argv, {"--allow-tool", "write"});
  if (launch.permissions == Permissions::bypass) add(plan.argv, {"--allow-all-tools"});
  if (!launch.model.empty()) add(plan.argv, {"--model", launch.model});
  if (launch.resume) add(plan.argv, {"--resume=" + *launch.resume});
  if (plan.session && !launch.resume) add(plan.argv, {"--session-id", *plan.session});
  add(plan.argv, {"-p", launch.prompt});
  plan.env["COPILOT_AUTO_UPDATE"] = "false";
  plan.permissions = by(launch.permissions,
                        "Copilot may look; what it would ask about (edits, commands) is denied",
                        "Copilot may edit files; what else it would ask about is denied",
                        "Copilot may use all its tools without asking");
  return {};
}

Status cursor(const Launch& launch, Plan& plan) {
  if (auto fits = too_long_for_argv(launch); !fits) return fits;
  add(plan.argv, {"-p", "--output-format", "text"});
  if (launch.permissions == Permissions::bypass) add(plan.argv, {"--force"});
  if (!launch.model.empty()) add(plan.argv, {"--model", launch.model});
  if (launch.resume) add(plan.argv, {"--resume", *launch.resume});
  plan.argv.insert(plan.argv.end(), launch.extra.begin(), launch.extra.end());
  // The prompt is a bare word here: a leading dash must not make an option of it.
  add(plan.argv, {(launch.prompt.starts_with('-') ? " " : "") + launch.prompt});
  plan.permissions =
      launch.permissions == Permissions::bypass
          ? "Cursor may do anything without asking"
          : "Cursor only proposes changes: it knows no step between that and anything";
  return {};
}

struct Row {
  Preset preset;
  Status (*fill)(const Launch&, Plan&);
  bool places_extra = false;  ///< puts Launch::extra where it must be; else it goes last
};

constexpr std::array kRows{
    Row{{.name = "claude",
         .description = "Claude Code",
         .install = "npm install -g @anthropic-ai/claude-code",
         .program = "claude",
         .dialect = "claude",
         .resumes = true,
         .forks = true,
         .names_session = true,
         .honours_permissions = true,
         .root_variable = "IS_SANDBOX",
         .minimum = "2.1.197",
         .login = &signs::kClaude},
        claude},
    Row{{.name = "codex",
         .description = "OpenAI Codex",
         .install = "npm install -g @openai/codex",
         .program = "codex",
         .dialect = "codex",
         .resumes = true,
         .forks = true,
         .honours_permissions = true,
         .minimum = "0.169.0",
         .login = &signs::kCodex},
        codex,
        true},
    Row{{.name = "codex-mini",
         .description = "OpenAI Codex with a small model",
         .install = "npm install -g @openai/codex",
         .program = "codex",
         .dialect = "codex",
         .resumes = true,
         .forks = true,
         .honours_permissions = true,
         .minimum = "0.169.0",
         .login = &signs::kCodex},
        codex_mini,
        true},
    Row{{.name = "gemini",
         .description = "Gemini CLI",
         .install = "npm install -g @google/gemini-cli",
         .program = "gemini",
         .dialect = "gemini",
         .resumes = true,
         .names_session = true,
         .honours_permissions = true,
         .minimum = "0.61.0",
         .login = &signs::kGemini},
        gemini},
    Row{{.name = "qwen",
         .description = "Qwen Code",
         .install = "npm install -g @qwen-code/qwen-code",
         .program = "qwen",
         .dialect = "qwen",
         .resumes = true,
         .names_session = true,
         .honours_permissions = true,
         .minimum = "0.15.10",
         .login = &signs::kQwen},
        qwen},
    Row{{.name = "opencode",
         .description = "OpenCode",
         .install = "npm install -g opencode-ai",
         .program = "opencode",
         .dialect = "opencode",
         .resumes = true,
         .forks = true,
         .honours_permissions = true,
         .minimum = "1.18.33",
         .login = &signs::kOpencode},
        opencode},
    Row{{.name = "pi",
         .description = "pi coding agent",
         .install = "npm install -g @mariozechner/pi-coding-agent",
         .program = "pi",
         .dialect = "pi",
         .resumes = true,
         .honours_permissions = true,
         .minimum = "0.73.1",
         .login = &signs::kPi},
        pi},
    Row{{.name = "aider",
         .description = "Aider",
         .install = "python -m pip install aider-install && aider-install",
         .program = "aider",
         .dialect = "text",
         .honours_permissions = true,
         .login = &signs::kAider},
        aider},
    Row{{.name = "auggie",
         .description = "Augment's Auggie",
         .install = "npm install -g @augmentcode/auggie",
         .program = "auggie",
         .dialect = "text",
         .login = &signs::kAuggie},
        auggie},
    Row{{.name = "copilot",
         .description = "GitHub Copilot CLI",
         .install = "npm install -g @github/copilot",
         .program = "copilot",
         .dialect = "text",
         .resumes = true,
         .names_session = true,
         .honours_permissions = true,
         .minimum = "1.0.102",
         .login = &signs::kCopilot},
        copilot},
    Row{{.name = "cursor",
         .description = "Cursor's command line agent",
         .install = "see cursor.com/cli",
         .program = "cursor-agent",
         .dialect = "text",
         .resumes = true,
         .honours_permissions = true,
         .login = &signs::kCursor},
        cursor,
        true},
};

constexpr auto kPresets = [] {
  std::array<Preset, kRows.size()> all;
  for (std::size_t i = 0; i < kRows.size(); ++i) all[i] = kRows[i].preset;
  return all;
}();

/// Ids and model names come from outside and become arguments: none may look like an option.
Status check_word(std::string_view what, std::string_view word) {
  constexpr std::size_t kLongest = 256;
  const bool bad = word.empty() || word.size() > kLongest || word.front() == '-' ||
                   std::ranges::any_of(word, [](unsigned char c) { return c <= ' ' || c == 0x7F; });
  if (!bad) return {};
  return fail(Errc::invalid_argument,
              fmt::format("the {} must be one word of at most {} bytes without a leading dash",
                          what, kLongest));
}

Status check(const Launch& launch) {
  if (launch.prompt.empty()) return fail(Errc::invalid_argument, "the prompt is empty");
  if (launch.prompt.size() > limits::kPrompt)
    return fail(Errc::too_large, fmt::format("the prompt has {} bytes; {} are allowed",
                                             launch.prompt.size(), limits::kPrompt));
  if (launch.resume)
    if (auto good = check_word("session", *launch.resume); !good) return good;
  if (launch.fork)
    if (auto good = check_word("session", *launch.fork); !good) return good;
  if (launch.new_session)
    if (auto good = check_word("session", *launch.new_session); !good) return good;
  if (!launch.model.empty())
    if (auto good = check_word("model", launch.model); !good) return good;
  for (const auto& word : launch.extra)
    if (word.contains('\0'))
      return fail(Errc::invalid_argument, "an extra argument has a NUL byte");
  return {};
}

Result<Plan> plan_preset(const Row& row, const Launch& launch) {
  const auto& preset = row.preset;
  if (launch.resume && !preset.resumes)
    return fail(Errc::invalid_argument, fmt::format("{} has no sessions to resume", preset.name));
  if (launch.fork && !preset.forks)
    return fail(Errc::unsupported, fmt::format("{} cannot fork a session", preset.name));
  Plan plan;
  plan.argv.emplace_back(preset.program);
  plan.dialect = preset.dialect;
  if (launch.resume) {
    plan.session = launch.resume;
  } else if (preset.names_session && !launch.fork) {
    plan.session = launch.new_session;  // of a fork the CLI says it
  }
  if (preset.dialect == "text") plan.env["NO_COLOR"] = "1";
  if (auto filled = row.fill(launch, plan); !filled) return fail(filled.error());
  if (!row.places_extra)
    plan.argv.insert(plan.argv.end(), launch.extra.begin(), launch.extra.end());
  if (plan.permissions.empty())
    plan.permissions =
        fmt::format("{} cannot be held to \"{}\": it may do whatever its own configuration allows",
                    preset.description, enum_name(launch.permissions));
  return plan;
}

/// The word with its placeholders filled in; what is filled in is not looked at again.
std::string fill_in(std::string_view word, const Launch& launch, bool& file, bool& text) {
  constexpr std::string_view kFile = "{prompt_file}";
  constexpr std::string_view kText = "{prompt}";
  std::string out;
  while (!word.empty()) {
    if (word.starts_with(kFile)) {
      out += launch.prompt_file.native();
      word.remove_prefix(kFile.size());
      file = true;
    } else if (word.starts_with(kText)) {
      out += launch.prompt;
      word.remove_prefix(kText.size());
      text = true;
    } else {
      out += word.front();
      word.remove_prefix(1);
    }
  }
  return out;
}

Result<Plan> plan_command(std::string_view command, const Launch& launch) {
  if (launch.resume)
    return fail(Errc::invalid_argument, "a plain command has no sessions to resume");
  if (launch.fork) return fail(Errc::unsupported, "a plain command has no sessions to fork");
  auto words = split_words(command);
  if (!words) return fail(words.error());
  Plan plan;
  plan.dialect = "text";
  bool file = false;
  bool text = false;
  for (const auto& word : *words) plan.argv.push_back(fill_in(word, launch, file, text));
  plan.argv.insert(plan.argv.end(), launch.extra.begin(), launch.extra.end());
  if (file)
    if (auto has = needs_file(launch); !has) return fail(has.error());
  if (text)
    if (auto fits = too_long_for_argv(launch); !fits) return fail(fits.error());
  if (!file && !text) plan.stdin_text = launch.prompt;
  plan.permissions = fmt::format(
      "a plain command cannot be held to \"{}\": it may do whatever it was written to do",
      enum_name(launch.permissions));
  return plan;
}

}  // namespace

std::span<const Preset> presets() { return kPresets; }

const Preset* find_preset(std::string_view name) {
  const auto* found = std::ranges::find(kPresets, name, &Preset::name);
  return found == kPresets.end() ? nullptr : found;
}

std::optional<std::string> refused_as_root(std::string_view cli, Permissions permissions,
                                           std::span<const std::string> variables) {
  const auto* preset = find_preset(cli);
  if (preset == nullptr || preset->root_variable.empty() || permissions != Permissions::bypass)
    return std::nullopt;
  if (std::ranges::find(variables, preset->root_variable) != variables.end()) return std::nullopt;
  return fmt::format(
      "{0} refuses to bypass permissions as root unless {1}=1. If this machine is a sandbox (a "
      "container, a virtual machine), spawn the agent with --env {1}=1; if it is not, run the town "
      "as another user",
      preset->description, preset->root_variable);
}

Result<Plan> plan(std::string_view cli, const Launch& launch) {
  if (auto good = check(launch); !good) return fail(good.error());
  const auto* row = std::ranges::find(kRows, cli, [](const Row& each) { return each.preset.name; });
  return row != kRows.end() ? plan_preset(*row, launch) : plan_command(cli, launch);
}

}  // namespace reeve::proc
