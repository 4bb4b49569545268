#pragma once
// The values that a tool's JSON Schema allows, compiled into nodes that automaton.h walks.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/constraint.h"
#include "engine/sample/decimal.h"
#include "engine/sample/dfa.h"
#include "engine/text/call_form.h"

namespace corvid::engine {

// A set of texts, walked byte by byte.
class LiteralTrie {
 public:
  struct Node {
    std::vector<std::pair<uint8_t, int32_t>> next;
    int32_t depth = 0;
    int32_t literal = -1;  // the text that ends here
    int32_t first = -1;    // the first text, in order of addition, that passes here
  };

  // `target` is what the text stands for; texts that are known already are left out.
  void add(std::string_view text, int32_t target);
  int32_t step(int32_t node, uint8_t byte) const;  // -1: no text goes on so
  const Node& node(int32_t index) const { return nodes_[static_cast<size_t>(index)]; }
  const std::string& text(int32_t literal) const { return texts_[static_cast<size_t>(literal)]; }
  int32_t target(int32_t literal) const { return targets_[static_cast<size_t>(literal)]; }
  int32_t size() const { return static_cast<int32_t>(texts_.size()); }
  // Whether `literal` goes on from `node`, and what of it is still missing there.
  bool passes(int32_t literal, int32_t node) const;
  std::string rest(int32_t literal, int32_t node) const;

 private:
  std::vector<Node> nodes_{Node{}};
  std::vector<std::string> texts_;
  std::vector<int32_t> targets_;
};

// `raw` and `tags` are string and object of the XML syntax. pattern: a string by `dfa`; decimal: a
// number within bounds; map: an object with keys of any name; choice: any of its parts; variants:
// objects that their first property tells apart at once; copied: a passage of a source, or
// a string of the node `item` where there is none; patch: see patch_walk.h.
enum class ValueKind : uint8_t {
  literals, string, integer, number, object, array, raw, tags,
  pattern, decimal, map, choice, variants, copied, patch
};

struct Property {
  std::string key;  // as it is written: "name":_
  int32_t value = -1;
  bool required = false;
};

struct ValueNode {
  ValueKind kind = ValueKind::literals;
  LiteralTrie literals;
  int64_t min = 0, max = -1;  // characters of a string, items of an array (-1: any), integer bounds
  int64_t multiple = 1;  // of which an integer is a multiple
  DecimalBounds bounds;
  Dfa dfa;            // of the whole text with its quotes, or with its kParameterEnd
  int32_t item = -1;  // of an array behind its `parts`; the values of a map
  int32_t key = -1;   // the keys of a map
  // The first items of an array; what a choice or variants choose from. Literals of variants are
  // objects up to behind their first value; targets are indices in `parts`.
  std::vector<int32_t> parts;
  std::vector<Property> properties;
  // Object: what may follow once properties before `next` are decided; see Grammar::keys.
  std::vector<LiteralTrie> keys;
  std::string minimal;  // the shortest value, without the kParameterEnd that it may bring
  bool closes = false;  // ends with kParameterEnd, which is where its tags then stand
  bool names_source = false;  // a string that names what `copied` ones copy from
  // Tags: sets of properties, bit by bit. Those that are required; and those to which a node of
  // keys[0] (nothing was written) or keys[1] leads, the end being kEndBit.
  uint64_t required = 0;
  std::vector<uint64_t> reach[2];
};

inline constexpr int kTagsMax = 62;
inline constexpr uint64_t kEndBit = uint64_t{1} << 63;

inline constexpr int32_t kCloseObject = -1;
inline constexpr int kNestingMax = 12;

class Grammar {
 public:
  struct Tool {
    std::string name;
    int32_t arguments = -1;
  };

  // Throws invalid for a schema outside the supported part, naming tool and keyword. Tools whose
  // arguments cannot be given (a required one has no allowed value) are left out.
  Grammar(const std::vector<ToolShape>& shapes, const CallForm& form);

  // The names of sources as they are written, to their ends.
  const LiteralTrie& source_names() const { return source_names_; }
  void name_sources(const std::vector<CopySource>& sources, const CallForm& form);

  const ValueNode& node(int32_t index) const { return nodes_[static_cast<size_t>(index)]; }
  const std::vector<Tool>& tools() const { return tools_; }
  const LiteralTrie& names() const { return names_; }  // name", "arguments":_ ; target: tool

  // For the compiler of schemas. Objects and tags get their keys and minimal text; sequences of
  // items their minimal text.
  int32_t add(ValueNode node);
  void finish_object(ValueNode& node) const;
  void finish_tags(ValueNode& node) const;
  // The node of item `index` of an array.
  static int32_t item_of(const ValueNode& array, int64_t index) {
    const bool first = index < static_cast<int64_t>(array.parts.size());
    return first ? array.parts[static_cast<size_t>(index)] : array.item;
  }

  // What may be written in an object when all properties before `next` are written or skipped;
  // `any`: one has been written. Targets are property indices or kCloseObject.
  static const LiteralTrie& keys(const ValueNode& object, int64_t next, bool any) {
    return object.keys[static_cast<size_t>(next * 2 + any)];
  }
  // The shortest way to close an object from there.
  std::string object_tail(const ValueNode& object, int64_t next, bool any) const;
  // The same for tags, of which `used` are written.
  std::string tags_tail(const ValueNode& tags, uint64_t used) const;

 private:
  std::vector<ValueNode> nodes_;
  std::vector<Tool> tools_;
  LiteralTrie names_;
  LiteralTrie source_names_;
};

}  // namespace corvid::engine
