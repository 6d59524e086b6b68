#pragma once

#include "log/durable_sink.h"
#include "model/fact.h"

/// The embedder's redaction (log::Redactor) of what a run keeps beside its sink: its conversation,
/// and what its end says. An empty redactor leaves everything as it is.
namespace reeve::run {

/// The message as it is kept; the redactor is told the kind "MessagesAppended" and the message's
/// JSON. What it leaves that is no message any more is kept as a message that says so.
ChatMessage redacted(const log::Redactor& redactor, ChatMessage message);
/// The end's `text` and `error`; the redactor is told the kind of the terminal fact.
void redact(const log::Redactor& redactor, Ending ending, fact::RunEnd& end);
/// The `last_lines` of what a silent run wrote.
void redact(const log::Redactor& redactor, fact::RunSilent& silent);

}  // namespace reeve::run
