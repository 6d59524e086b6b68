#include "proc/environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace reeve::proc {
namespace {

constexpr std::array kAllowed{
    AllowedVariable{"PATH", "to find programs"},
    AllowedVariable{"HOME", "the CLI's own settings, sessions and login"},
    AllowedVariable{"USER", "who works"},
    AllowedVariable{"LOGNAME", "who works, in older programs"},
    AllowedVariable{"SHELL", "what the CLI runs commands with"},
    AllowedVariable{"LANG", "the language and encoding of texts"},
    AllowedVariable{"LANGUAGE", "the language of texts"},
    AllowedVariable{"LC_*", "the language and encoding of texts"},
    AllowedVariable{"TERM", "tools that ask even without a terminal"},
    AllowedVariable{"COLORTERM", "tools that ask even without a terminal"},
    AllowedVariable{"NO_COLOR", "a wish that tools honour"},
    AllowedVariable{"TZ", "local time"},
    AllowedVariable{"TMPDIR", "where temporary files may go"},
    AllowedVariable{"XDG_*", "where settings, data and caches are"},
    AllowedVariable{"EDITOR", "git asks for it"},
    AllowedVariable{"SSH_AUTH_SOCK", "git over SSH with the user's agent"},
    AllowedVariable{"GIT_AUTHOR_*", "whose name stands on commits"},
    AllowedVariable{"GIT_COMMITTER_*", "whose name stands on commits"},
    AllowedVariable{"GIT_SSH*", "how git connects"},
    AllowedVariable{"GIT_ASKPASS", "how git asks for a password"},
    AllowedVariable{"GIT_CONFIG_*", "the user's git settings"},
    AllowedVariable{"GH_TOKEN", "the GitHub command that agents open pull requests with"},
    AllowedVariable{"GITHUB_TOKEN", "the same, and Copilot's login"},
    AllowedVariable{"DBUS_SESSION_BUS_ADDRESS", "the keyring in which CLIs keep their login"},
    AllowedVariable{"http_proxy", "the way out"},
    AllowedVariable{"https_proxy", "the way out"},
    AllowedVariable{"all_proxy", "the way out"},
    AllowedVariable{"no_proxy", "the way out"},
    AllowedVariable{"HTTP_PROXY", "the way out"},
    AllowedVariable{"HTTPS_PROXY", "the way out"},
    AllowedVariable{"ALL_PROXY", "the way out"},
    AllowedVariable{"NO_PROXY", "the way out"},
    AllowedVariable{"SSL_CERT_FILE", "certificates of a company's proxy"},
    AllowedVariable{"SSL_CERT_DIR", "certificates of a company's proxy"},
    AllowedVariable{"NODE_EXTRA_CA_CERTS", "the same for Node, which most CLIs run on"},
    AllowedVariable{"LD_LIBRARY_PATH", "programs that are installed in odd places"},
    AllowedVariable{"NIX_*", "programs and certificates on NixOS"},
    AllowedVariable{"NVM_*", "Node where a version manager keeps it"},
    AllowedVariable{"npm_config_*", "registry and prefix of the tools that agents install"},
    AllowedVariable{"CARGO_HOME", "where the Rust tools are"},
    AllowedVariable{"RUSTUP_HOME", "where the Rust tools are"},
    AllowedVariable{"GOPATH", "where Go's tools are"},
    AllowedVariable{"GOROOT", "where Go's tools are"},
    AllowedVariable{"JAVA_HOME", "where Java is"},
    AllowedVariable{"VIRTUAL_ENV", "the Python that the user works with"},
    AllowedVariable{"CONDA_*", "the Python that the user works with"},
    AllowedVariable{"ANTHROPIC_*", "Claude: key, endpoint, model"},
    AllowedVariable{"CLAUDE_*", "Claude Code: switches"},
    AllowedVariable{"DISABLE_*", "Claude Code: switches (DISABLE_AUTOUPDATER, ...)"},
    AllowedVariable{"AWS_*", "models on Bedrock"},
    AllowedVariable{"OPENAI_*", "OpenAI and all that speak its protocol: key, endpoint, model"},
    AllowedVariable{"AZURE_*", "OpenAI's models on Azure"},
    AllowedVariable{"CODEX_*", "Codex: home and switches"},
    AllowedVariable{"GEMINI_*", "Gemini: key, model, switches"},
    AllowedVariable{"GOOGLE_*", "Gemini: key, project, Vertex"},
    AllowedVariable{"QWEN_*", "Qwen Code: switches"},
    AllowedVariable{"DASHSCOPE_*", "Qwen: key and endpoint"},
    AllowedVariable{"OPENCODE_*", "OpenCode: configuration and switches"},
    AllowedVariable{"COPILOT_*", "Copilot: provider and switches"},
    AllowedVariable{"CLINE_*", "Cline: switches"},
    AllowedVariable{"PI_*", "pi: switches"},
    AllowedVariable{"AMP_*", "Amp: key and endpoint"},
    AllowedVariable{"CURSOR_*", "Cursor's agent: key"},
    AllowedVariable{"AIDER_*", "aider: settings"},
    AllowedVariable{"OPENROUTER_*", "models through OpenRouter"},
    AllowedVariable{"GROQ_*", "models on Groq"},
    AllowedVariable{"MISTRAL_*", "Mistral's models"},
    AllowedVariable{"DEEPSEEK_*", "DeepSeek's models"},
    AllowedVariable{"XAI_*", "xAI's models"},
    AllowedVariable{"MOONSHOT_*", "Moonshot's models"},
    AllowedVariable{"ZAI_*", "Z.ai's models"},
    AllowedVariable{"OLLAMA_*", "local models"},
};

/// Exceptions to the patterns above: what a CLI tells its own children. A daemon that was started
/// from inside a CLI's session would hand it on, and the next CLI would take itself for a nested
/// one.
constexpr std::array<std::string_view, 8> kOfOneSession{"CLAUDE_CODE_ENTRYPOINT",
                                                        "CLAUDE_CODE_SSE_PORT",
                                                        "CLAUDE_CODE_SESSION_ID",
                                                        "CODEX_SANDBOX",
                                                        "CODEX_SANDBOX_NETWORK_DISABLED",
                                                        "CODEX_THREAD_ID",
                                                        "GEMINI_CLI",
                                                        "CURSOR_TRACE_ID"};

bool matches(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return name == pattern;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

}  // namespace

std::span<const AllowedVariable> allowed_variables() { return kAllowed; }

bool is_allowed(std::string_view name) {
  if (name.starts_with("REEVE_") || std::ranges::find(kOfOneSession, name) != kOfOneSession.end()) {
    return false;
  }
  return std::ranges::any_of(kAllowed,
                             [&](const auto& allowed) { return matches(allowed.name, name); });
}

Variables child_environment(const Variables& parent, const Variables& additions) {
  Variables child = additions;
  for (const auto& [name, value] : parent) {
    if (is_allowed(name)) child.emplace(name, value);
  }
  return child;
}

Variables current_environment() {
  Variables variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace reeve::proc
