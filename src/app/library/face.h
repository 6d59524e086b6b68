#pragma once

#include <string>
#include <utility>

#include "base/error.h"
#include "event/event.h"
#include "model/frame.h"
#include "model/tool.h"
#include "reeve/event.hpp"
#include "reeve/provider.hpp"
#include "reeve/result.hpp"
#include "reeve/run.hpp"
#include "run/invocation.h"

/// How values look from outside, and back: the only place that knows both the public types
/// (reeve::v1) and ours.
namespace reeve::library {

v1::Error face(const Error& error);
Error inner(const v1::Error& error);
template <class T>
v1::Result<T> face(Result<T> result) {
  if (!result) return face(result.error());
  return std::move(*result);
}
inline v1::Status face(const Status& status) {
  if (!status) return face(status.error());
  return {};
}

v1::Event face(const Event& event, const LogId& log);
v1::Event face(const Delta& delta);
v1::Event face(const Gap& gap);
v1::Usage face(const Usage& usage);
v1::Message face(const ChatMessage& message);
v1::RunResult face(const RunResult& result);
v1::ToolSpec face(const ToolDescriptor& tool);
v1::ToolChoice face(const ToolChoice& choice);
v1::Sampling face(const Sampling& sampling);

Usage inner(const v1::Usage& usage);
/// What of it a log can look for; v1::EventFilter::matches() decides.
Result<store::EventFilter> inner(const v1::EventFilter& filter);
Result<EmitRequest> inner(v1::EmitRequest request);
Result<ToolDescriptor> inner(v1::ToolSpec spec);
reeve::Durability inner(v1::Durability durability);

/// A JSON text that came from outside; `what` it is, for the error.
Result<json::value> read_text(std::string_view what, std::string_view text);

}  // namespace reeve::library
