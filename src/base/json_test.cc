#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

namespace reeve {
namespace {

enum class Colour { red, delete_ };
BOOST_DESCRIBE_ENUM(Colour, red, delete_)

struct Inner {
  int count = 7;
  std::optional<std::string> note;
  friend bool operator==(const Inner&, const Inner&) = default;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (count, note))

struct Outer {
  TaskId id;
  Colour colour = Colour::red;
  Inner inner;
  std::vector<Inner> list;
  std::map<std::string, int> map;
  Time at{};
  Position position;
  json::value any;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (id, colour, inner, list, map, at, position, any))

const char* const kOuter =
    R"({"id":"0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012","colour":"delete","inner":{"count":7},"list":[{"count":1,"note":"n"}],)"
    R"("map":{"a":1},"at":"2026-04-22T10:11:12.123Z","position":9,"any":[1,null]})";

TEST(Json, ANumberComesBackAsItWas) {
  std::mt19937_64 random(7);
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    sum += static_cast<double>(random() % 100'000) / 1e6;
    double any = 0;
    const auto bits = random();
    std::memcpy(&any, &bits, sizeof any);
    for (const double number : {sum, -sum, any}) {
      if (!std::isfinite(number)) continue;
      const auto text = write_json_of(number);
      ASSERT_EQ(parse_json_as<double>(text), number) << text;
    }
  }
  for (const std::int64_t number : {INT64_MIN, std::int64_t{0}, INT64_MAX})
    EXPECT_EQ(parse_json_as<std::int64_t>(write_json_of(number)), number);
  EXPECT_EQ(parse_json_as<std::uint64_t>("18446744073709551615"), UINT64_MAX);
}

TEST(Json, WhatIsNotOneValueIsRefused) {
  for (const char* text :
       {"", " ", "{", "[1,]", "1 2", "{} x", "nul", "\"a", "1e", "01", "{\"a\"}"})
    EXPECT_FALSE(parse_json(text)) << text;
  EXPECT_EQ(write_json(parse_json(" {\"a\":[1,true,null,\"\\u00e4\"],\"a\":2} \n").value()),
            R"({"a":2})");
}

TEST(Json, ADescribedStructIsItsMembersInOrder) {
  const auto outer = parse_json_as<Outer>(kOuter);
  ASSERT_TRUE(outer) << outer.error().message();
  EXPECT_EQ(outer->list.at(0).note, "n");
  EXPECT_EQ(outer->colour, Colour::delete_);
  EXPECT_EQ(write_json_of(*outer), kOuter);
}

TEST(Json, TheTextIsTheSameWithTheTreeInBetweenAndWithout) {
  const auto same = [](const auto& value) {
    EXPECT_EQ(write_json_of(value), write_json(to_json_value(value)));
  };
  same(parse_json_as<Outer>(kOuter).value());
  same(std::vector<Inner>(3));
  same(std::vector<Inner>());
  same(std::map<std::string, std::int64_t>{{"a\"b", -1}, {"", INT64_MIN}});
  same(std::map<std::string, bool>{});
  same(std::optional<double>());
  same(std::optional<double>(0.1));
  same(UINT64_MAX);
  same(Position{7});
  same(from_ms(1'700'000'000'123));
  same(Duration(-5));
  same(json::object{{"a", {1, 2.5, nullptr}}});
  for (int c = 0; c < 256; ++c) same(std::string("x") + static_cast<char>(c) + "y");
}

TEST(Json, MissingNullAndUnknownMembersAreTolerated) {
  EXPECT_EQ(parse_json_as<Inner>(R"({"note":null,"from":"the future"})").value(), Inner());
}

TEST(Json, AWrongTypeNamesTheMember) {
  EXPECT_EQ(parse_json_as<Outer>(R"({"inner":{"count":"x"}})").error().message(),
            "inner.count: expected a whole number");
  EXPECT_EQ(parse_json_as<Outer>(R"({"list":[{},{"count":1.5}]})").error().message(),
            "list[1].count: expected a whole number");
  EXPECT_EQ(parse_json_as<Outer>(R"({"colour":"blue"})").error().message(),
            "colour: \"blue\" is none of red, delete");
  EXPECT_EQ(parse_json_as<Outer>("[]").error().code(), Errc::invalid_argument);
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_TRUE(parse_json(std::string(100, '[') + std::string(100, ']')));
  EXPECT_FALSE(parse_json(std::string(1000, '[') + std::string(1000, ']')));
}

TEST(Json, CanonicalTextDoesNotDependOnOrder) {
  EXPECT_EQ(canonical_json(parse_json(R"({"b":1,"a":[{"d":1,"c":2}]})").value()),
            R"({"a":[{"c":2,"d":1}],"b":1})");
}

}  // namespace
}  // namespace reeve
