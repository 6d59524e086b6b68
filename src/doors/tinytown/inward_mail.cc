#include <algorithm>

#include "doors/tinytown/ids.h"
#include "doors/tinytown/inward.h"
#include "town/brought.h"
#include "town/messages.h"
#include "town/reclaim.h"

/// What tt puts into our agents' lists.
namespace reeve::doors::tinytown {

Async<Status> Inward::take_all(AgentId agent, std::vector<std::string> items, bool urgent) {
  // tt puts urgent ones at the head: the oldest is the last.
  if (urgent) std::ranges::reverse(items);
  const auto& keys = mirror_.keys();
  for (const auto& item : items) {
    const auto taken = co_await take_item(agent, item, urgent);
    if (!taken) {
      auto done = passed(fail(taken.error()), "a message for " + agent.short_str());
      if (!done) co_return done;
    }
    if (!taken || !*taken) continue;
    auto dropped = co_await look_.drop(urgent ? keys.urgent(agent) : keys.inbox(agent), item);
    if (!dropped) co_return dropped;
  }
  co_return Status();
}

/// Whether its element may leave the list: what it says is in the town, or never will be.
Async<Result<bool>> Inward::take_item(AgentId agent, const std::string& item, bool urgent) {
  const auto message = decode_message(item);
  if (!message) {
    const auto kept =
        co_await town::bring_unreadable(ground_, caller(), agent, item, message.error().message());
    if (!kept) co_return fail(kept.error());
    co_return true;
  }
  const auto there = co_await run::load<Message>(ground_.log.store(), message->id);
  if (!there && !there.error().is(Errc::not_found)) co_return fail(there.error());
  if (there) {
    // tt reclaim --to sends on what it took; the mark of ours is lost thereby.
    const auto* had = there->to == agent ? nullptr : find(there->to);
    if (had != nullptr && is_ended(had->state) && there->state == MessageState::queued) {
      const auto lost = co_await has_lost_mail(there->to);
      if (!lost) co_return fail(lost.error());
      if (!*lost) co_return true;
      auto moved = co_await move_all(there->to, agent);
      if (!moved) co_return fail(moved.error());
    }
    co_return true;
  }
  if (message->type == MessageType::task_assign)
    co_return co_await take_assignment(agent, *message);
  co_return co_await take_letter(agent, *message, urgent);
}

Async<Result<bool>> Inward::take_assignment(AgentId agent, const TtMessage& message) {
  const auto id = id_of<TaskTag>(message.task_id);
  if (!id) co_return co_await take_letter(agent, message, false);
  auto sights = co_await look_.tasks({id->str()}, true);
  if (!sights) co_return fail(sights.error());
  const auto task = co_await run::load<reeve::Task>(ground_.log.store(), *id);
  if (!task && !task.error().is(Errc::not_found)) co_return fail(task.error());
  if (task) {
    const auto* has = task->agent && task->agent != agent ? find(*task->agent) : nullptr;
    if (has != nullptr && is_ended(has->state) && !is_ended(task->state)) {
      const auto lost = co_await has_lost_mail(has->id);
      if (!lost) co_return fail(lost.error());
      if (!*lost) co_return true;
      auto moved = co_await move_all(*task->agent, agent);
      if (!moved) co_return fail(moved.error());
    } else if (!sights->empty()) {
      auto judged = co_await judge(sights->front());
      if (!judged) co_return fail(judged.error());
    }
    co_return true;
  }
  if (sights->empty() || !sights->front().keys.there)
    co_return co_await take_letter(agent, message, false);
  const auto& keys = sights->front().keys;
  const auto verdict = seen(keys, nullptr, finder());
  if (verdict.act == Act::take) {
    auto taken = co_await take(*id, verdict.agent);
    if (!taken) co_return fail(taken.error());
    // Refused for good: what there is of it is that it was given.
    if (refused_.contains(id->str())) co_return co_await take_letter(agent, message, false);
    const auto now = co_await run::load<reeve::Task>(ground_.log.store(), *id);
    co_return now.has_value();
  }
  const auto state = enum_from_name<TaskState>(keys.state);
  co_return state&& is_ended(*state);
}

Async<Result<bool>> Inward::take_letter(AgentId agent, const TtMessage& message, bool urgent) {
  const auto* to = find(agent);
  // One that has stopped reads it when it is restarted, as in tinytown.
  if (to != nullptr && !town::check_takes_mail(*to)) co_return false;
  auto letter = letter_of(message, urgent);
  auto by = caller();
  if (message.from != supervisor_id()) by.agent = message.from;
  // The town's answer would find nobody.
  if (town::is_control(letter.type) && by.agent && find(*by.agent) == nullptr) {
    letter.text = enum_name(letter.type);
    letter.type = MessageType::informational;
  }
  api::SendRequest request;
  request.to = agent.str();
  request.text = std::move(letter.text);
  request.type = letter.type;
  request.priority = letter.priority;
  request.kind = std::move(letter.kind);
  request.correlation = std::move(letter.correlation);
  const auto sent = co_await town::send(ground_, std::move(by), std::move(request), message.id);
  const auto was = settled(sent, "a message");
  if (!was) co_return fail(was.error());
  if (*was) co_return true;
  if (sent.error().is(Errc::conflict)) co_return false;  // it stopped meanwhile
  const auto kept = co_await town::bring_unreadable(ground_, caller(), agent, encode(message),
                                                    sent.error().message());
  if (!kept) co_return fail(kept.error());
  co_return true;
}

/// tt reclaim empties the lists before it sends on what it took: where ours stand there still, it
/// is an older state of Redis that shows a message in another's list.
Async<Result<bool>> Inward::has_lost_mail(AgentId id) {
  const auto expected = mirror_.listed(id);
  if (!expected) co_return false;
  const auto sights = co_await look_.agents({{id, expected, std::nullopt}});
  if (!sights) co_return fail(sights.error());
  const auto& there = sights->front().listed;
  co_return mirror_.listed(id) == expected &&
      (there.inbox < expected->inbox || there.urgent < expected->urgent);
}

/// tt reclaim, of one agent that has ended. No `to`: to the backlog.
Async<Status> Inward::move_all(AgentId from, std::optional<AgentId> to) {
  api::ReclaimRequest request;
  request.from = from.str();
  request.to_backlog = !to;
  if (to) request.to = to->str();
  const auto moved = co_await town::reclaim(ground_, caller(), std::move(request));
  const auto was = settled(moved, "a reclaim");
  if (!was) co_return fail(was.error());
  mirror_.touch_mail(from);
  co_return Status();
}

}  // namespace reeve::doors::tinytown
