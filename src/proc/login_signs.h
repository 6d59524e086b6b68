#pragma once

#include <array>
#include <string_view>

#include "proc/preset.h"

/// What a login of each preset's CLI looks like; private to preset.cc.
namespace reeve::proc::signs {

using Names = std::string_view;

inline constexpr std::array<Names, 7> kClaudeVariables{
    "ANTHROPIC_API_KEY",       "ANTHROPIC_AUTH_TOKEN",   "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY",
    "ANTHROPIC_UNIX_SOCKET"};
inline constexpr std::array<Names, 2> kClaudeFiles{"~/.claude/.credentials.json",
                                                   "$CLAUDE_CONFIG_DIR/.credentials.json"};
/// Where an apiKeyHelper, or variables, may be set.
inline constexpr std::array<Names, 7> kClaudePerhaps{"~/.claude.json",
                                                     "~/.claude/settings.json",
                                                     "$CLAUDE_CONFIG_DIR/settings.json",
                                                     ".claude/settings.json",
                                                     ".claude/settings.local.json",
                                                     "$CLAUDE_CONFIG_DIR/.claude.json",
                                                     "/etc/claude-code/managed-settings.json"};
inline constexpr LoginSigns kClaude{.variables = kClaudeVariables,
                                    .files = kClaudeFiles,
                                    .perhaps_variables = {},
                                    .perhaps_files = kClaudePerhaps,
                                    .certain = true,
                                    .command =
                                        "claude, and /login in it (or set "
                                        "ANTHROPIC_API_KEY)"};

inline constexpr std::array<Names, 1> kCodexVariables{"CODEX_API_KEY"};
inline constexpr std::array<Names, 2> kCodexFiles{"~/.codex/auth.json", "$CODEX_HOME/auth.json"};
inline constexpr std::array<Names, 1> kCodexPerhapsVariables{"OPENAI_API_KEY"};
/// Another provider, or a keyring, may be set there.
inline constexpr std::array<Names, 4> kCodexPerhaps{"~/.codex/config.toml",
                                                    "$CODEX_HOME/config.toml", ".codex/config.toml",
                                                    "/etc/codex/config.toml"};
inline constexpr LoginSigns kCodex{.variables = kCodexVariables,
                                   .files = kCodexFiles,
                                   .perhaps_variables = kCodexPerhapsVariables,
                                   .perhaps_files = kCodexPerhaps,
                                   .certain = true,
                                   .command = "codex login"};

inline constexpr std::array<Names, 5> kGeminiVariables{
    "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA",
    "GOOGLE_APPLICATION_CREDENTIALS"};
inline constexpr std::array<Names, 1> kGeminiFiles{"~/.gemini/oauth_creds.json"};
inline constexpr std::array<Names, 6> kGeminiPerhaps{
    "~/.gemini/settings.json", "~/.gemini/.env", "~/.env",
    ".gemini/settings.json",   ".gemini/.env",   ".env"};
inline constexpr LoginSigns kGemini{.variables = kGeminiVariables,
                                    .files = kGeminiFiles,
                                    .perhaps_variables = {},
                                    .perhaps_files = kGeminiPerhaps,
                                    .certain = true,
                                    .command =
                                        "gemini, and choose a login there (or set "
                                        "GEMINI_API_KEY)"};

inline constexpr std::array<Names, 1> kAnyKey{"*_API_KEY"};
inline constexpr std::array<Names, 1> kQwenFiles{"~/.qwen/oauth_creds.json"};
inline constexpr std::array<Names, 6> kQwenPerhaps{
    "~/.qwen/settings.json", "~/.qwen/.env", "~/.env", ".qwen/settings.json", ".qwen/.env", ".env"};
inline constexpr LoginSigns kQwen{.variables = kAnyKey,
                                  .files = kQwenFiles,
                                  .perhaps_variables = {},
                                  .perhaps_files = kQwenPerhaps,
                                  .certain = true,
                                  .command =
                                      "qwen, and choose a login there (or set "
                                      "OPENAI_API_KEY)"};

/// It has models that want no login.
inline constexpr std::array<Names, 2> kOpencodeFiles{"~/.local/share/opencode/auth.json",
                                                     "$XDG_DATA_HOME/opencode/auth.json"};
inline constexpr LoginSigns kOpencode{.variables = kAnyKey,
                                      .files = kOpencodeFiles,
                                      .perhaps_variables = {},
                                      .perhaps_files = {},
                                      .certain = false,
                                      .command = "opencode auth login"};

inline constexpr std::array<Names, 2> kPiFiles{"~/.pi/agent/auth.json", "~/.pi/agent/models.json"};
inline constexpr LoginSigns kPi{.variables = kAnyKey,
                                .files = kPiFiles,
                                .perhaps_variables = {},
                                .perhaps_files = {},
                                .certain = false,
                                .command = "pi, and /login in it (or set a provider's key)"};

inline constexpr std::array<Names, 3> kAiderFiles{"~/.aider.conf.yml", ".aider.conf.yml", ".env"};
inline constexpr LoginSigns kAider{.variables = kAnyKey,
                                   .files = kAiderFiles,
                                   .perhaps_variables = {},
                                   .perhaps_files = {},
                                   .certain = false,
                                   .command =
                                       "set the key of a provider, such as "
                                       "ANTHROPIC_API_KEY"};

inline constexpr std::array<Names, 2> kAuggieVariables{"AUGMENT_SESSION_AUTH", "AUGMENT_API_TOKEN"};
inline constexpr std::array<Names, 1> kAuggieFiles{"~/.augment/session.json"};
inline constexpr LoginSigns kAuggie{.variables = kAuggieVariables,
                                    .files = kAuggieFiles,
                                    .perhaps_variables = {},
                                    .perhaps_files = {},
                                    .certain = false,
                                    .command = "auggie login"};

/// It may have its login in the keyring.
inline constexpr std::array<Names, 4> kCopilotVariables{
    "COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "COPILOT_PROVIDER_BASE_URL"};
inline constexpr std::array<Names, 2> kCopilotFiles{"~/.copilot/config.json",
                                                    "~/.config/gh/hosts.yml"};
inline constexpr LoginSigns kCopilot{.variables = kCopilotVariables,
                                     .files = kCopilotFiles,
                                     .perhaps_variables = {},
                                     .perhaps_files = {},
                                     .certain = false,
                                     .command = "copilot, and /login in it"};

inline constexpr std::array<Names, 1> kCursorVariables{"CURSOR_API_KEY"};
inline constexpr std::array<Names, 2> kCursorFiles{"~/.config/cursor/auth.json",
                                                   "~/.cursor/cli-config.json"};
inline constexpr LoginSigns kCursor{.variables = kCursorVariables,
                                    .files = kCursorFiles,
                                    .perhaps_variables = {},
                                    .perhaps_files = {},
                                    .certain = false,
                                    .command = "cursor-agent login"};

}  // namespace reeve::proc::signs
