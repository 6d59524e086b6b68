#include "cli/event_sentence.h"

#include <map>

#include "cli/event_text.h"

namespace reeve::cli {
namespace {

constexpr std::size_t kWidth = 100;

/// Templates: {path} is a place in the payload as it stands, {@path} the name of the agent whose id
/// stands there, {#path} the id's first digits, {"path} a text in quotes, {:path} ": " and the
/// text, if there is one.
const std::map<std::string_view, std::string_view>& templates() {
  static const std::map<std::string_view, std::string_view> kAll{
      {"TownCreated", "the town {name} was made in {root}"},
      {"TownMoved", "the town was moved from {from} to {to}"},
      {"TownReset", "the town began anew; what was before lies in {kept_in}"},
      {"DaemonStarted", "the daemon started (version {version}, pid {pid})"},
      {"DaemonStopped", "the daemon stopped{:reason}"},
      {"LogTruncated", "retention removed {events} events ({reason})"},
      {"PayloadsPruned", "retention removed the payloads of {events} events"},
      {"MirrorRewritten", "the mirror in tinytown's keys is written again{:reason}"},
      {"AgentSpawned", "{@agent.id} was spawned ({agent.cli})"},
      {"AgentStateChanged", "{@agent} is {to}, it was {from}{:reason}"},
      {"AgentStopRequested", "{@agent} is to stop{:reason}"},
      {"AgentStopped", "{@agent} stopped{:reason}"},
      {"AgentRestarted", "{@agent} takes work again{:reason}"},
      {"AgentInterrupted", "{@agent} was paused{:reason}"},
      {"AgentResumed", "{@agent} goes on{:reason}"},
      {"AgentParked", "{@agent} waits until {until}{:reason}"},
      {"AgentFailed", "{@agent} cannot work until somebody mends it ({code}){:reason}"},
      {"AgentCompleted", "{@agent} has closed, {tasks_completed} tasks completed"},
      {"AgentPruned", "{@agent} left the town{:reason}"},
      {"AgentNeedsAttention", "{@agent} needs attention{:reason}"},
      {"TaskCreated", "task {#task.id} was made: {\"task.text}"},
      {"TaskAssigned", "{@agent} was given task {#task}"},
      {"TaskDelegated", "{@from} gave task {#task} to {@to}"},
      {"TaskStarted", "{@agent} began task {#task}"},
      {"TaskProgressed", "task {#task} goes on{:text}"},
      {"TaskCompleted", "task {#task} is completed{:result}"},
      {"TaskFailed", "task {#task} failed{:error}"},
      {"TaskReturned", "task {#task} waits for another round of {@agent}"},
      {"TaskLeftOpen", "task {#task} is still open, and {@agent} goes on with it at {again_at}"},
      {"TaskRequeued", "task {#task} waits in the backlog{:reason}"},
      {"TaskCancelled", "task {#task} was cancelled{:reason}"},
      {"MessageSent", "{@message.from} wrote to {@message.to}: {\"message.text}"},
      {"MessagesReturned", "messages of a round wait for {@agent} again"},
      {"MessagesHandled", "messages of {@agent} are settled without a round"},
      {"MessageWithdrawn", "a message to {@agent} was withdrawn{:reason}"},
      {"MessageMoved", "a message was moved from {@from} to {@to}{:reason}"},
      {"MessageQuarantined", "a message of {@agent} cannot be read and was put aside{:reason}"},
      {"MessageDeadLettered", "a message to {@agent} was given up{:reason}"},
      {"ConductorEscalation", "{@agent} asks the people of the town"},
      {"ImportedEvent", "before the import: {what}{:text}"},
      {"OrphanMended", "a stray {what} was mended{:text}"},
      {"ThreadStarted", "a conversation began"},
      {"SessionStarted", "{@agent} works in the session {session}"},
      {"MessagesAppended", "a conversation grew"},
      {"RunStarted", "{@run.agent} began a round"},
      {"RunStopRequested", "the round of {@agent} is to end{:reason}"},
      {"RunSilent", "the round of {@agent} is silent{:last_lines}"},
      {"RunCompleted", "the round of {@agent} succeeded{:text}"},
      {"RunFailed", "the round of {@agent} failed ({code}){:error}"},
      {"RunCancelled", "the round of {@agent} was ended{:error}"},
      {"WebhookAdded", "a webhook was added: {webhook.origin}"},
      {"WebhookEnabled", "webhook {#webhook} is told again"},
      {"WebhookDisabled", "webhook {#webhook} was disabled{:reason}"},
      {"WebhookRemoved", "webhook {#webhook} was removed"},
      {"WebhookSkipped", "webhook {#webhook} missed the events {from} to {to}"},
  };
  return kAll;
}

std::string fill(std::string_view place, const json::value& payload, const NameOf& name_of) {
  const char how = place.front();
  if (how == '@' || how == '#' || how == '"' || how == ':') place.remove_prefix(1);
  const auto text = text_at(payload, place);
  switch (how) {
    case '@': return text.empty() ? "nobody" : name_of(text);
    case '#': return text.substr(0, 4);
    case '"': return "\"" + one_line(text, kWidth) + "\"";
    case ':': return text.empty() ? "" : ": " + one_line(text, kWidth);
    default: return one_line(text, kWidth);
  }
}

}  // namespace

std::string sentence(std::string_view kind, const json::value& payload, const NameOf& name_of) {
  const auto found = templates().find(kind);
  if (found == templates().end()) {
    const auto more = one_line(gist(kind, payload), kWidth);
    return std::string(kind) + (more.empty() ? "" : ": " + more);
  }
  std::string out;
  for (auto rest = found->second; !rest.empty();) {
    const auto open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = rest.find('}', open);
    out += fill(rest.substr(open + 1, close - open - 1), payload, name_of);
    rest.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace reeve::cli
