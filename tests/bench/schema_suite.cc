// How much of the JSON-Schema-Test-Suite the constraint for one value can write: for each file the
// schemas that are refused, the valid instances that can be written and the invalid ones that can
// (which must be none). The suite is public: github.com/json-schema-org/JSON-Schema-Test-Suite.
// With --refusals each refused schema is named with the reason. With --samples N, N random values
// of each schema go to stderr as JSON lines with their schema, for another validator to judge:
//   build/release/tests/bench/schema_suite --samples 40 SUITE/tests/draft2020-12/*.json 2>s.jsonl
//   python3 -c 'import json, jsonschema
//   for line in map(json.loads, open("s.jsonl")):
//       jsonschema.Draft202012Validator(line["schema"]).validate(json.loads(line["text"]))'

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>

#include "engine/constraint.h"
#include "engine/sample/schema_reader.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "tests/engine/tiny_tokenizer.h"

namespace {

using namespace corvid;
using namespace corvid::engine;

struct Options {
  int samples = 0;
  bool refusals = false;
};

struct Counts {
  int schemas = 0, refused = 0, valid = 0, reached = 0, invalid = 0, let = 0;

  Counts& operator+=(const Counts& other) {
    schemas += other.schemas;
    refused += other.refused;
    valid += other.valid;
    reached += other.reached;
    invalid += other.invalid;
    let += other.let;
    return *this;
  }
};

bool can_write(Constraint constraint, const Tokenizer& tokenizer, const std::string& text) {
  for (const Token token : tokenizer.encode(text, false)) {
    if (!constraint.allows(token)) return false;
    constraint.accept(token);
  }
  return constraint.may_end();
}

std::string random_text(Constraint constraint, const Tokenizer& tokenizer, std::mt19937& random) {
  std::string text;
  std::vector<float> logits(static_cast<size_t>(tokenizer.vocab_size()));
  for (auto steps = 5 + random() % 60; steps > 0 && !constraint.may_end(); --steps) {
    for (float& logit : logits) logit = static_cast<float>(random() % 1000);
    constraint.mask(logits);
    const auto best = std::max_element(logits.begin(), logits.end());
    const auto token = static_cast<Token>(best - logits.begin());
    constraint.accept(token);
    if (tokenizer.is_end(token)) return text;
    text += tokenizer.bytes(token);
  }
  return text + tokenizer.decode(constraint.closing());
}

// nullopt: refused, for a reason. A schema that allows nothing is refused as such, which is right.
std::optional<Constraint> constraint_for(const OrderedJson& given, const Tokenizer& tokenizer,
                                         std::string& reason) {
  OrderedJson schema = given;
  if (given == true) schema = OrderedJson::object();
  if (given == false) schema = {{"not", OrderedJson::object()}};
  ConstraintSpec spec;
  spec.value_schema = schema.dump();
  try {
    return Constraint(spec, tokenizer);
  } catch (const Error& error) {
    reason = error.what();
    return std::nullopt;
  }
}

Counts check_group(const OrderedJson& group, const Tokenizer& tokenizer, const Options& options) {
  Counts counts{.schemas = 1};
  const OrderedJson& schema = group["schema"];
  std::string reason;
  const std::optional<Constraint> constraint = constraint_for(schema, tokenizer, reason);
  const bool allows_nothing = reason.find("allows no value") != std::string::npos;
  const auto is_valid = [](const OrderedJson& test) { return test["valid"] == true; };
  const bool has_valid = std::any_of(group["tests"].begin(), group["tests"].end(), is_valid);
  if (!constraint && (has_valid || !allows_nothing)) {
    counts.refused = 1;
    if (options.refusals) {
      fmt::print("    {}: {}\n", group["description"].get<std::string>(), reason);
    }
    return counts;
  }
  for (const OrderedJson& test : group["tests"]) {
    const bool writes = constraint && can_write(*constraint, tokenizer, json_text(test["data"]));
    ++(is_valid(test) ? counts.valid : counts.invalid);
    if (writes) ++(is_valid(test) ? counts.reached : counts.let);
  }
  std::mt19937 random(3);
  for (int i = 0; constraint && i < options.samples; ++i) {
    const OrderedJson line = {{"schema", schema},
                              {"text", random_text(*constraint, tokenizer, random)}};
    std::cerr << line.dump(-1, ' ', true, OrderedJson::error_handler_t::replace) << "\n";
  }
  return counts;
}

void print(const std::string& name, const Counts& counts) {
  fmt::print("{:26}{:9}{:9}{:9}{:9}{:9}{:9}\n", name, counts.schemas, counts.refused, counts.valid,
             counts.reached, counts.invalid, counts.let);
}

}  // namespace

int main(int argc, char** argv) {
  const auto tokenizer = test::tiny_tokenizer();
  int first = 1;
  Options options;
  if (argc > 1 && std::string_view(argv[1]) == "--refusals") {
    options.refusals = true;
    first = 2;
  } else if (argc > 2 && std::string_view(argv[1]) == "--samples") {
    options.samples = std::stoi(argv[2]);
    first = 3;
  }
  fmt::print("{:26}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "", "schemas", "refused", "valid", "written",
             "invalid", "written");
  Counts all;
  for (int i = first; i < argc; ++i) {
    std::ifstream file(argv[i]);
    Counts counts;
    for (const OrderedJson& group : OrderedJson::parse(file)) {
      counts += check_group(group, *tokenizer, options);
    }
    print(std::filesystem::path(argv[i]).stem().string(), counts);
    all += counts;
  }
  print("all", all);
  return all.let == 0 ? 0 : 1;
}
