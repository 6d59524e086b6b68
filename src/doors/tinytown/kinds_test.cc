#include "doors/tinytown/kinds.h"

#include <gtest/gtest.h>

#include <boost/mp11/algorithm.hpp>

#include <algorithm>
#include <concepts>

#include "base/json.h"
#include "doors/tinytown/forms_of.h"
#include "model/fact.h"

namespace reeve::doors::tinytown {
namespace {

const AgentId kAda = AgentId::parse("4763624f-a2b7-4450-8a0e-36b0e21c9a93").value();
const AgentId kBob = AgentId::parse("9efcdaeb-876c-4936-b447-2a6ceae0ef5e").value();

/// A fact of each kind, about ada as far as it names an agent.
template <class F>
void each_fact(F see) {
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, AnyFact>>(
      [&]<class T>(std::type_identity<T>) {
        T fact{};
        if constexpr (requires { fact.agent = kAda; }) fact.agent = kAda;
        if constexpr (requires { fact.agent.id; }) fact.agent.id = kAda;
        if constexpr (requires { fact.agent.parent; }) fact.agent.parent = kBob;
        if constexpr (requires { fact.run.agent; }) fact.run.agent = kAda;
        if constexpr (requires {
                        fact.from = kBob;
                        fact.to = kAda;
                      })
          fact.from = kBob, fact.to = kAda;
        see(Fact(std::move(fact)));
      });
}

Event event_of(const Fact& fact) {
  Event event;
  event.kind = kind_of(fact);
  event.payload = std::visit([](const auto& typed) { return write_json_of(typed); }, fact);
  for (const auto& id : concerned(fact).agents) event.scopes.push_back(Scope::of(id));
  return event;
}

TEST(TinytownKinds, AKindSaysWhatItsFactsTell) {
  std::size_t told_of_all = 0;
  each_fact([&](const Fact& fact) {
    SCOPED_TRACE(kind_of(fact));
    const auto event = event_of(fact);
    const auto aspects = aspects_of(event);
    ASSERT_TRUE(aspects);
    const auto told = told_of(fact, Time());
    const bool tells = told.event || told.activity || told.stop;
    EXPECT_EQ(aspects->told, tells);
    if (tells) ++told_of_all;
    if (!aspects->whole) {
      EXPECT_EQ(aspects->line, told.activity.has_value());
      EXPECT_FALSE(told.stop) << "a stop flag outlives later events";
    }
    if (aspects->whole || !told.event) return;
    // Nobody else's stream could have room for what is passed over.
    for (const auto& reader : readers_of(*told.event))
      EXPECT_TRUE(std::ranges::find(event.scopes, Scope::of(reader)) != event.scopes.end());
    EXPECT_FALSE(told.event->mission);
  });
  EXPECT_EQ(told_kinds().size(), told_of_all);
}

TEST(TinytownKinds, AStateThatSetsAStopFlagIsReadInAnyCase) {
  const auto aspects_for = [](AgentState state) {
    return aspects_of(event_of(fact::AgentStateChanged{kAda, AgentState::idle, state, ""})).value();
  };
  EXPECT_TRUE(aspects_for(AgentState::draining).whole);
  EXPECT_FALSE(aspects_for(AgentState::working).whole);
}

TEST(TinytownKinds, WhatIsNoFactIsNothing) {
  Event event;
  event.kind = "TextDelta";
  EXPECT_FALSE(aspects_of(event));
  event.kind = "RunFailed";
  EXPECT_TRUE(aspects_of(event));
  event.fidelity = Fidelity::committed;
  EXPECT_FALSE(aspects_of(event)) << "what a run says of itself";
}

}  // namespace
}  // namespace reeve::doors::tinytown
