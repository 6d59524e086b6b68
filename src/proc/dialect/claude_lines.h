#pragma once

#include <set>
#include <string>
#include <string_view>

#include "proc/dialect/stream.h"

namespace reeve::proc {

/// The `stream-json` lines of Claude Code and of those that copied them: system, assistant, user,
/// stream_event, rate_limit_event, result. The tools of a CLI's own sub-agents are told like the
/// main agent's; what sub-agents say carries the call that started them, their deltas are left out.
class ClaudeLines : public StreamDialect {
 protected:
  using StreamDialect::StreamDialect;

  bool object(std::string_view type, const json::object& line, Events& out) override;
  [[nodiscard]] json::value save_own() const override { return to_json_value(own_); }
  Status restore_own(const json::value& state) override { return read_json(state, own_); }

  /// Where an error begins that the CLI put into an answer's text as if the model had said it; npos
  /// if there is none.
  [[nodiscard]] virtual std::size_t error_in(std::string_view /*text*/,
                                             const json::object* /*usage*/) const {
    return std::string_view::npos;
  }
  /// The result's usage covers all rounds of the session.
  [[nodiscard]] virtual bool counts_session() const { return false; }

 private:
  bool system(const json::object& line, Events& out);
  void assistant(const json::object& line, Events& out);
  void user(const json::object& line, Events& out);
  bool stream_event(const json::object& line, Events& out);
  bool block_delta(const json::object& event, Events& out);
  void rate_limit(const json::object& line, Events& out);
  void result(const json::object& line, Events& out);
  void usage(const json::object& line, Events& out);
  void tool_result(const json::object& block, std::string_view parent, Events& out);
  void denied(std::string_view id, std::string_view tool, json::value input,
              std::string_view reason, Events& out);

  struct Own {
    std::string block_tool;           ///< id of the tool call that is being streamed
    std::vector<std::string> denied;  ///< calls whose denial has been told
    Usage counted;                    ///< what earlier results of this process told
    std::int64_t nano_usd = 0;        ///< what earlier results of this process cost
  };
  BOOST_DESCRIBE_CLASS(Own, (), (block_tool, denied, counted, nano_usd), (), ())
  Own own_;
};

}  // namespace reeve::proc
