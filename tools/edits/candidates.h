#pragma once
// Enumerates repairs of the lines of one unit. The generators live in generators/.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tools/edits/source.h"
#include "tools/edits/vocabulary.h"

namespace corvid::tools::edits {

enum class Kind : uint8_t {
#define X(id) id,
#include "tools/edits/kinds.inc"
#undef X
};
#define X(id) +1
inline constexpr int kKindCount = 0
#include "tools/edits/kinds.inc"
    ;
#undef X
std::string_view kind_name(Kind kind);

enum class Operation : uint8_t { replace, insert, erase };

// A repair. The tokens [first, last) of the source become the tokens [new_first, new_last) of
// Candidates::new_ids.
struct Candidate {
  Kind kind = Kind::compare;
  Operation operation = Operation::replace;
  int line = 0;  // 0-based; an inserted line comes to stand before it
  int first = 0;
  int last = 0;
  int new_first = 0;
  int new_last = 0;
  std::string text;  // the whole new line; empty where a line is erased
};

// Distinct names in order of appearance, with their counts.
struct Names {
  std::vector<std::string_view> items;
  std::unordered_map<std::string_view, int> counts;
  void add(std::string_view name);
  int count(std::string_view name) const;
  bool has(std::string_view name) const { return counts.contains(name); }
};

struct Signature {
  std::vector<std::string_view> parameters;  // positional, without self and cls
  int required = 0;
  bool takes_any = false;  // *args or **kwargs
};

// What a file offers to its candidates. Views point into the source's text.
struct FileFacts {
  explicit FileFacts(const Source& source);
  Names words;       // every name
  Names functions;   // called by plain name, or defined
  Names methods;     // called after a dot
  Names attributes;  // after a dot, not called
  Names strings;     // short literals, verbatim
  Names exceptions;
  Names returns;     // expressions after `return`, short ones
  Names conditions;  // after `if` and `while`, short ones
  Names operands;    // of `and` and `or` in them
  Names pairs;       // NAME.NAME, not called
  Names members;     // assigned after a dot, or defined as functions
  Names assigned;    // names that something in the file defines, imports included
  std::unordered_map<std::string_view, Names> arguments;  // of a callee's last name, verbatim
  std::unordered_map<std::string_view, Signature> signatures;
  std::unordered_map<std::string_view, Names> followers;  // statement text -> next one's
  std::unordered_map<std::string_view, Names> leaders;    // statement text -> the one before
  Names statements;                                       // simple ones of one line, verbatim
  Names numbers;                                          // literals, verbatim
  Names types;                                            // named after isinstance and except
  Names keywords;                                         // NAME=VALUE of calls, verbatim
  Names orphans;         // imported or private to the module, and named nowhere else
  Names orphan_methods;  // private ones that nothing calls
  Names orphan_members;  // assigned to `self` and named nowhere else
  // Of names with `.NAME`, `[...]` and `(...)` after them: what follows a beginning, and the
  // whole ones by their last and first name.
  std::unordered_map<std::string_view, Names> trailers, by_tail, by_head;

  // Adds a statement to `statements`, `followers` and `leaders` unless it `opens` a block.
  void add_line(const Source& source, size_t index,
                bool (*opens)(const Source& source, const Statement& s));
};

// A place where a line can be inserted.
struct Gap {
  int line = 0;  // 0-based; the new line comes before it
  int column = 0;
  int token = 0;      // the new line's tokens come before it
  int previous = -1;  // statements, or -1
  int next = -1;      // only when it stands in the same block
  bool ends_block = false;
  bool in_loop = false;
  std::string margin = {};  // white space before the line; empty: as many spaces as `column`
  bool ends_arm = false;    // of a `switch`
  bool in_brackets = false;  // the line is part of a statement
};

struct UnitFacts {
  UnitFacts(const Source& source, const Unit& unit, const FileFacts& file);
  int first_statement = 0;
  int last_statement = 0;  // exclusive
  int body_column = 0;
  Names parameters;   // without self, cls and _
  Names locals;       // parameters and whatever is assigned
  Names stored;       // plain names assigned (counts)
  Names read;         // plain names read (counts)
  Names words;        // every name (counts)
  Names self_stored;  // x of `self.x =`
  Names self_read;    // x of `self.x` elsewhere
  Names undefined;    // read here, but defined by nothing in the file
  std::vector<Gap> gaps;
  bool is_generator = false;
  bool has_self = false;
};

class Candidates {
 public:
  Candidates(const Source& source, Vocabulary& vocabulary);

  // Replaces tokens [first, last), all on one physical line, by `text`; refused silently where
  // the line does not change or the brackets would not balance. first == last inserts before it.
  void replace(int first, int last, std::string_view text, Kind kind);
  void insert(const Gap& gap, std::string_view text, Kind kind);
  void erase(int statement, Kind kind);
  void erase_line(int first, int last, Kind kind);  // whose tokens these are

  const std::vector<Candidate>& all() const { return all_; }
  const std::vector<int>& new_ids() const { return new_ids_; }

 private:
  bool add_tokens(std::string_view text, bool is_line);
  std::string in_style(std::string_view text, std::string_view old) const;
  void add(Candidate candidate);

  const Source& source_;
  Vocabulary& vocabulary_;
  std::vector<Candidate> all_;
  std::vector<int> new_ids_;
  std::unordered_set<uint64_t> seen_;
  bool prefers_double_ = false;  // the file quotes with " where it can
};

struct Context {
  const Source& source;
  const Unit& unit;
  const FileFacts& file;
  const UnitFacts& facts;
  Candidates& out;
};

// All candidates of a unit, at most kUnitCandidatesMax.
inline constexpr int kUnitCandidatesMax = 8000;
void generate(const Context& context);

// Of `offered`, those to put in place of `old`: first those used in the unit, then alike ones
// (equal first or last three letters), then the commonest; without `old`, at most `limit`.
std::vector<std::string_view> choices(const Names& offered, std::string_view old,
                                      const UnitFacts& facts, size_t limit);

// Ranges [first, last) of the arguments of the bracket at `open`.
std::vector<std::pair<int, int>> arguments_of(const Source& source, int open);
// The `(` of a call at token `open`: something callable stands before it.
bool is_call(const Source& source, int open);
// One past the name at `first`, then one past each of its trailers.
std::vector<int> steps_of(const Source& source, int first);
// Whether an expression of the file that begins with `head` can be meant in a unit, too.
bool is_known_head(std::string_view head, const UnitFacts& facts);
// Whether all the plain names of an expression of the file mean something in the unit.
bool is_known(const Context& context, std::string_view text);
// Text of tokens [first, last) when they stand on one line, else "".
std::string_view text_of(const Source& source, int first, int last);
// The same, but "" where it is longer than what is kept of expressions.
std::string_view short_text(const Source& source, int first, int last);
// Of a statement's tokens; "" where `statement` is -1.
std::string_view statement_text(const Source& source, int statement);

}  // namespace corvid::tools::edits
