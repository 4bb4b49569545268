#include "engine/sample/grammar.h"

#include <algorithm>

#include "engine/sample/schema_compiler.h"
#include "engine/sample/schema_reader.h"
#include "engine/text/jinja/value.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::engine {

void LiteralTrie::add(std::string_view text, int32_t target) {
  int32_t at = 0;
  const int32_t literal = size();
  for (char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    int32_t next = step(at, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes_.size());
      nodes_[static_cast<size_t>(at)].next.emplace_back(byte, next);
      nodes_.push_back({{}, node(at).depth + 1, -1, -1});
    }
    if (node(at).first < 0) nodes_[static_cast<size_t>(at)].first = literal;
    at = next;
  }
  Node& end = nodes_[static_cast<size_t>(at)];
  if (end.literal >= 0) return;
  end.literal = literal;
  if (end.first < 0) end.first = literal;
  texts_.emplace_back(text);
  targets_.push_back(target);
}

int32_t LiteralTrie::step(int32_t at, uint8_t byte) const {
  for (const auto& [key, next] : node(at).next) {
    if (key == byte) return next;
  }
  return -1;
}

bool LiteralTrie::passes(int32_t literal, int32_t at) const {
  const auto depth = static_cast<size_t>(node(at).depth);
  return text(literal).compare(0, depth, text(node(at).first), 0, depth) == 0;
}

std::string LiteralTrie::rest(int32_t literal, int32_t at) const {
  return text(literal).substr(static_cast<size_t>(node(at).depth));
}

void Grammar::name_sources(const std::vector<CopySource>& sources, const CallForm& form) {
  for (size_t i = 0; i < sources.size(); ++i) {
    for (const std::string& name : sources[i].names) {
      if (!is_utf8(name)) continue;
      const std::string written =
          form.xml ? name + std::string(kParameterEnd) : jinja::to_json(jinja::Value(name), {});
      source_names_.add(written, static_cast<int32_t>(i));
    }
  }
}

int32_t Grammar::add(ValueNode node) {
  nodes_.push_back(std::move(node));
  return static_cast<int32_t>(nodes_.size() - 1);
}

void Grammar::finish_object(ValueNode& node) const {
  const auto count = static_cast<int32_t>(node.properties.size());
  for (int32_t next = 0; next <= count; ++next) {
    for (bool any : {false, true}) {
      LiteralTrie trie;
      int32_t at = next;
      for (; at < count; ++at) {
        const Property& property = node.properties[static_cast<size_t>(at)];
        trie.add((any ? ", " : "") + property.key, at);
        if (property.required) break;
      }
      if (at == count) trie.add("}", kCloseObject);
      node.keys.push_back(std::move(trie));
    }
  }
  node.minimal = "{" + object_tail(node, 0, false);
}

std::string Grammar::object_tail(const ValueNode& object, int64_t next, bool any) const {
  std::string text;
  for (auto i = static_cast<size_t>(next); i < object.properties.size(); ++i) {
    const Property& property = object.properties[i];
    if (!property.required) continue;
    text += (any ? ", " : "") + property.key + node(property.value).minimal;
    any = true;
  }
  return text + "}";
}

void Grammar::finish_tags(ValueNode& node) const {
  const auto count = static_cast<int32_t>(node.properties.size());
  for (bool any : {false, true}) {
    LiteralTrie trie;
    const std::string before = any ? std::string(kParameterEnd) + "\n" : "";
    for (int32_t i = 0; i < count; ++i) {
      trie.add(before + node.properties[static_cast<size_t>(i)].key, i);
    }
    trie.add(before + "</function>", kCloseObject);
    std::vector<uint64_t>& reach = node.reach[any];
    for (int32_t literal = 0; literal < trie.size(); ++literal) {
      const int32_t target = trie.target(literal);
      const uint64_t bit = target == kCloseObject ? kEndBit : uint64_t{1} << target;
      int32_t at = 0;
      for (char c : trie.text(literal)) {
        at = trie.step(at, static_cast<uint8_t>(c));
        reach.resize(std::max(reach.size(), static_cast<size_t>(at) + 1));
        reach[static_cast<size_t>(at)] |= bit;
      }
    }
    node.keys.push_back(std::move(trie));
  }
  for (int32_t i = 0; i < count; ++i) {
    if (node.properties[static_cast<size_t>(i)].required) node.required |= uint64_t{1} << i;
  }
  node.minimal = tags_tail(node, 0);
}

std::string Grammar::tags_tail(const ValueNode& tags, uint64_t used) const {
  std::string text;
  const auto before = [&] { return used == 0 ? "" : std::string(kParameterEnd) + "\n"; };
  for (size_t i = 0; i < tags.properties.size(); ++i) {
    const Property& property = tags.properties[i];
    if (!property.required || (used >> i & 1) != 0) continue;
    text += before() + property.key + node(property.value).minimal;
    used |= uint64_t{1} << i;
  }
  return text + before() + "</function>";
}

Grammar::Grammar(const std::vector<ToolShape>& shapes, const CallForm& form) {
  for (const ToolShape& shape : shapes) {
    if (!is_utf8(shape.name) || shape.name.empty()) {
      fail(Code::invalid, "a tool's name is not text");
    }
    const int32_t arguments = compile_schema(*this, shape, form);
    if (arguments < 0) continue;
    std::string name = shape.name;
    if (form.names_quoted) {
      name = json_text(shape.name).substr(1);
    } else if (name.find_first_of("<>:|\n") != std::string::npos) {
      fail(Code::invalid, "tool '" + name + "': its name does not fit into the call syntax");
    }
    names_.add(name + std::string(form.name_end), static_cast<int32_t>(tools_.size()));
    tools_.push_back({shape.name, arguments});
  }
}

}  // namespace corvid::engine
