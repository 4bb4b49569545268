#include "tools/edits/features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tools/edits/likelihood.h"
#include "tools/edits/nearness.h"

namespace corvid::tools::edits {

namespace {

float log1(int count) { return std::log(1.0f + static_cast<float>(count)); }

bool is_alike(std::string_view a, std::string_view b) {
  if (a.size() < 3 || b.size() < 3) return false;
  return a.substr(0, 3) == b.substr(0, 3) || a.substr(a.size() - 3) == b.substr(b.size() - 3);
}

// What is counted once per unit.
struct Tallies {
  std::array<int, kKindCount> kinds{};
  std::unordered_map<int, int> lines;
  std::unordered_map<int, int> sites;
};

class Extractor {
 public:
  Extractor(FileModel& model, const Unit& unit, const UnitFacts& facts,
            const Candidates& candidates)
      : model_(model),
        source_(model.source),
        unit_(unit),
        facts_(facts),
        candidates_(candidates),
        likelihood_(model, unit),
        near_(model, unit) {
    for (const Candidate& c : candidates.all()) {
      ++tallies_.kinds[static_cast<size_t>(c.kind)];
      ++tallies_.lines[c.line];
      ++tallies_.sites[c.first];
    }
    look_at_end();
  }

  std::vector<float> run() {
    const std::vector<Candidate>& all = candidates_.all();
    std::vector<float> out(all.size() * kFeatureCount);
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return place(all[a]) < place(all[b]); });
    std::pair<int, int> at{-1, -1};
    for (const size_t i : order) {
      if (place(all[i]) != at) {
        at = place(all[i]);
        enter(all[i]);
      }
      row_ = &out[i * kFeatureCount];
      likelihoods(all[i]);
      counts(all[i]);
      names(all[i]);
      repeats(all[i]);
      calls(all[i]);
      statement(all[i]);
    }
    gaps(out);
    return out;
  }

 private:
  std::pair<int, int> place(const Candidate& c) const {
    return {c.line, c.operation == Operation::insert ? c.first : -1};
  }

  void set(Feature feature, float value) { row_[static_cast<size_t>(feature)] = value; }
  int id(int token) const { return model_.ids[static_cast<size_t>(token)]; }

  // A line's tokens are left out of the counts while its candidates are scored.
  void enter(const Candidate& c) {
    if (c.operation == Operation::insert) {
      likelihood_.leave_out(c.first, c.first);
      line_least_ = line_mean_ = 0;
      return;
    }
    int first = c.first, last = c.first + 1;
    const auto same = [&](int t) { return source_.token(t).line == c.line; };
    while (first > unit_.first_token && same(first - 1)) --first;
    while (last < unit_.last_token && same(last)) ++last;
    likelihood_.leave_out(first, last);
    line_least_ = 0;
    float sum = 0;
    for (int i = first; i < last; ++i) {
      line_least_ = std::min(line_least_, likelihood_.standing(i));
      sum += likelihood_.standing(i);
    }
    line_mean_ = sum / static_cast<float>(last - first) - likelihood_.standing_mean();
  }

  void likelihoods(const Candidate& c) {
    const Comparison r = likelihood_.compare(c, candidates_.new_ids());
    set(Feature::lr_table, r.ratio[0]);
    set(Feature::lr_file, r.ratio[1]);
    set(Feature::lr_unit, r.ratio[2]);
    set(Feature::lr_mix, r.ratio[3]);
    set(Feature::lr_mix_mean, r.ratio[3] / static_cast<float>(r.token_count));
    set(Feature::lr_changed, r.mean_new - r.mean_old);
    set(Feature::lr_next, r.next_ratio);
    set(Feature::least_old, r.least_old);
    set(Feature::least_new, r.least_new);
    set(Feature::mean_old, r.mean_old);
    set(Feature::mean_new, r.mean_new);
    set(Feature::first_old, r.first_old);
    set(Feature::first_new, r.first_new);
    set(Feature::line_least, line_least_);
    set(Feature::line_mean, line_mean_);
  }

  // How far below the best of its line, its place and its kind a candidate's likelihood is.
  void gaps(std::vector<float>& out) const {
    const std::vector<Candidate>& all = candidates_.all();
    std::unordered_map<int, float> lines, sites, kinds;
    const auto likelihood = [&](size_t i) {
      return out[i * kFeatureCount + static_cast<size_t>(Feature::lr_mix)];
    };
    const auto raise = [](std::unordered_map<int, float>& best, int key, float value) {
      const auto [entry, is_new] = best.try_emplace(key, value);
      if (!is_new) entry->second = std::max(entry->second, value);
    };
    for (size_t i = 0; i < all.size(); ++i) {
      raise(lines, all[i].line, likelihood(i));
      raise(sites, all[i].first, likelihood(i));
      raise(kinds, static_cast<int>(all[i].kind), likelihood(i));
    }
    for (size_t i = 0; i < all.size(); ++i) {
      float* row = &out[i * kFeatureCount];
      const float own = likelihood(i);
      row[static_cast<size_t>(Feature::line_gap)] = own - lines[all[i].line];
      row[static_cast<size_t>(Feature::site_gap)] = own - sites[all[i].first];
      row[static_cast<size_t>(Feature::kind_gap)] = own - kinds[static_cast<int>(all[i].kind)];
    }
  }

  void nearness(const Candidate& c, int name, bool is_new) {
    const auto put = [&](Feature fresh, Feature old, float value) {
      set(is_new ? fresh : old, value);
    };
    if (c.first < source_.count()) {
      put(Feature::affinity_new, Feature::affinity_old, near_.affinity(name, c.first, c.last));
    }
    put(Feature::told_new, Feature::told_old, near_.told(name));
    put(Feature::title_new, Feature::title_old, near_.title(name));
    put(Feature::since_new, Feature::since_old, near_.since(name, c.first));
  }

  void counts(const Candidate& c) {
    set(Feature::kind_count, log1(tallies_.kinds[static_cast<size_t>(c.kind)]));
    set(Feature::line_count, log1(tallies_.lines[c.line]));
    set(Feature::all_count, log1(static_cast<int>(candidates_.all().size())));
    set(Feature::site_count, log1(tallies_.sites[c.first]));
    const int height = std::max(1, unit_.last_line - unit_.first_line);
    set(Feature::position,
        static_cast<float>(c.line - unit_.first_line) / static_cast<float>(height));
    set(Feature::is_first_line, c.line == unit_.first_line && unit_.is_function ? 1 : 0);
    set(Feature::is_last_line, c.line >= unit_.last_line ? 1 : 0);
    const int statement = c.first < source_.count() ? source_.statement_of(c.first) : -1;
    if (statement >= 0) {
      const int column = source_.statements()[static_cast<size_t>(statement)].column;
      set(Feature::column, static_cast<float>(column - facts_.body_column) / 4);
    }
    set(Feature::token_difference,
        static_cast<float>((c.new_last - c.new_first) - (c.last - c.first)));
    const auto elsewhere = [&](std::string_view line) {
      const auto found = model_.lines.find(line_hash(line));
      return found == model_.lines.end() ? 0 : found->second;
    };
    if (c.operation != Operation::erase) set(Feature::line_elsewhere_new, log1(elsewhere(c.text)));
    if (c.operation != Operation::insert) {
      set(Feature::line_elsewhere_old, log1(elsewhere(source_.line(c.line)) - 1));
    }
  }

  // The first name that only the new tokens have, and the first that only the old ones have.
  void names(const Candidate& c) {
    const Vocabulary& v = model_.vocabulary;
    const std::vector<int>& fresh = candidates_.new_ids();
    const auto in_old = [&](int wanted) {
      for (int i = c.first; i < c.last; ++i) {
        if (id(i) == wanted) return true;
      }
      return false;
    };
    int in_unit = 0, in_file = 0, total = 0, first_new = -1, first_old = -1;
    for (int k = c.new_first; k < c.new_last; ++k) {
      const int token = fresh[static_cast<size_t>(k)];
      if (!v.is_name(token) || in_old(token)) continue;
      if (first_new < 0) first_new = token;
      ++total;
      in_unit += facts_.words.has(v.text(token));
      in_file += model_.facts.words.has(v.text(token));
    }
    for (int i = c.first; i < c.last && first_old < 0; ++i) {
      const auto begin = fresh.begin() + c.new_first, end = fresh.begin() + c.new_last;
      if (v.is_name(id(i)) && std::find(begin, end, id(i)) == end) first_old = id(i);
    }
    set(Feature::new_in_unit,
        total == 0 ? 0.5f : static_cast<float>(in_unit) / static_cast<float>(total));
    set(Feature::new_in_file,
        total == 0 ? 0.5f : static_cast<float>(in_file) / static_cast<float>(total));
    const bool is_plain = !source_.is(c.first - 1, ".");
    if (first_new >= 0) nearness(c, first_new, true);
    if (first_old >= 0) nearness(c, first_old, false);
    if (first_new >= 0) new_name(c, v.text(first_new), is_plain);
    if (first_old >= 0) old_name(v.text(first_old), is_plain);
    const bool of_self = source_.is(c.first - 1, ".") && source_.is(c.first - 2, "self");
    if (of_self && first_new >= 0) member(Feature::member_new, v.text(first_new));
    if (of_self && first_old >= 0) member(Feature::member_old, v.text(first_old));
    if (source_.is(c.first - 1, "=") && c.new_last > c.new_first && c.last > c.first) {
      const std::string_view keyword = source_.str(c.first - 2);
      const int last_new = fresh[static_cast<size_t>(c.new_last - 1)];
      set(Feature::keyword_match_old, source_.str(c.last - 1) == keyword ? 1 : 0);
      set(Feature::keyword_match_new, v.text(last_new) == keyword ? 1 : 0);
    }
    if (first_new >= 0 && first_old >= 0) {
      set(Feature::alike, is_alike(v.text(first_new), v.text(first_old)) ? 1 : 0);
    }
  }

  void new_name(const Candidate& c, std::string_view name, bool is_plain) {
    set(Feature::new_count, log1(model_.facts.words.count(name)));
    set(Feature::new_unit_count, log1(facts_.words.count(name)));
    const FileFacts& file = model_.facts;
    const bool is_orphan = file.orphans.has(name) || file.orphan_methods.has(name) ||
                           file.orphan_members.has(name);
    set(Feature::new_orphan, is_orphan ? 1 : 0);
    set(Feature::new_is_class, name[0] >= 'A' && name[0] <= 'Z' ? 1 : 0);
    if (!is_plain) return;
    const bool is_unread = facts_.locals.has(name) && facts_.read.count(name) == 0;
    set(Feature::new_unread, is_unread ? 1 : 0);
    set(Feature::new_unread_parameter, is_unread && facts_.parameters.has(name) ? 1 : 0);
    set(Feature::new_undefined, facts_.undefined.has(name) ? 1 : 0);
    if (!facts_.stored.has(name) || facts_.parameters.has(name)) return;
    const auto found = definitions_.find(name);
    int line = found == definitions_.end() ? -1 : found->second;
    if (line < 0) {
      for (int i = unit_.first_token; i < unit_.last_token && line < 0; ++i) {
        if (source_.is(i, name)) line = source_.token(i).line;
      }
      definitions_[name] = line;
    }
    set(Feature::new_before_definition, c.line <= line ? 1 : 0);
  }

  void old_name(std::string_view name, bool is_plain) {
    set(Feature::old_count, log1(model_.facts.words.count(name) - 1));
    set(Feature::old_unit_count, log1(facts_.words.count(name) - 1));
    if (!is_plain) return;
    const bool becomes_unread = facts_.locals.has(name) && facts_.read.count(name) == 1;
    set(Feature::old_becomes_unread, becomes_unread ? 1 : 0);
    set(Feature::old_undefined, facts_.undefined.has(name) ? 1 : 0);
  }

  void member(Feature feature, std::string_view name) {
    set(feature, model_.facts.members.has(name) ? 1 : -1);
  }

  // Whether [first, last) is an expression that does nothing, like a bare name.
  bool has_no_effect(int first, int last) const {
    if (first >= last || !source_.is_plain_name(first)) return false;
    for (int i = first; i < last; ++i) {
      const std::string_view text = source_.str(i);
      if (text == "(" || (text.back() == '=' && text != "==" && text != "!=") || text == ":" ||
          text == "[")
        return false;
    }
    return true;
  }

  void statement(const Candidate& c) {
    set(Feature::falls_off_end, falls_off_end_ ? 1 : 0);
    set(Feature::returns_values, returns_values_ ? 1 : 0);
    if (c.operation == Operation::insert) {
      for (const Gap& gap : facts_.gaps) {
        if (gap.token != c.first || gap.line != c.line) continue;
        set(Feature::gap_ends_block, gap.ends_block ? 1 : 0);
        set(Feature::gap_in_loop, gap.in_loop ? 1 : 0);
        const auto column = static_cast<int>(c.text.find_first_not_of(" \t"));
        set(Feature::column, static_cast<float>(column - facts_.body_column) / 4);
        break;
      }
      return;
    }
    const int index = c.first < source_.count() ? source_.statement_of(c.first) : -1;
    if (index < 0) return;
    const Statement& s = source_.statements()[static_cast<size_t>(index)];
    if (!has_no_effect(s.first_token, s.last_token)) return;
    set(Feature::no_effect_old, 1);
    bool acts = c.operation == Operation::erase || c.kind == Kind::add_return;
    for (int k = c.new_first; k < c.new_last; ++k) {
      const std::string& text =
          model_.vocabulary.text(candidates_.new_ids()[static_cast<size_t>(k)]);
      acts = acts || text == "(";
    }
    set(Feature::no_effect_new, acts ? 0 : 1);
  }

  void look_at_end() {
    const auto& all = source_.statements();
    for (int k = facts_.first_statement; k < facts_.last_statement; ++k) {
      const Statement& s = all[static_cast<size_t>(k)];
      const bool is_return = source_.is(s.first_token, "return");
      returns_values_ = returns_values_ || (is_return && s.last_token > s.first_token + 1);
    }
    const Statement& last = all[static_cast<size_t>(facts_.last_statement - 1)];
    const std::string_view head = source_.str(last.first_token);
    falls_off_end_ = last.column > facts_.body_column || (head != "return" && head != "raise");
  }

  // x == x, f(x, x), x = x: how many of them stand in a row of tokens.
  int repeats_in(const std::vector<int>& row) const {
    const Vocabulary& v = model_.vocabulary;
    int found = 0;
    for (size_t i = 1; i + 1 < row.size(); ++i) {
      if (row[i] < 0 || row[i - 1] != row[i + 1] || row[i - 1] < 0 || !v.is_name(row[i - 1]))
        continue;
      const std::string& op = v.text(row[i]);
      const bool compares = op == "," || op == "=" || op == "-" || op == "/" ||
                            source_.precedence(op) == 5 || op == "and" || op == "or" ||
                            op == "&&" || op == "||";
      const bool is_member = i >= 2 && row[i - 2] >= 0 && v.text(row[i - 2]) == ".";
      const std::string& next =
          i + 2 < row.size() && row[i + 2] >= 0 ? v.text(row[i + 2]) : v.text(row[i]);
      const bool goes_on = next == "." || next == "(" || next == "[";
      const bool is_keyword_argument = op == "=";
      found += compares && !is_member && !goes_on && !is_keyword_argument;
    }
    return found;
  }

  void repeats(const Candidate& c) {
    const auto at = [&](int i) {
      return i < unit_.first_token || i >= unit_.last_token ? -1 : id(i);
    };
    row_ids_.clear();
    for (int i = c.first - 3; i < c.last + 3; ++i) row_ids_.push_back(at(i));
    set(Feature::repeats_old, static_cast<float>(repeats_in(row_ids_)));
    row_ids_.clear();
    for (int i = c.first - 3; i < c.first; ++i) row_ids_.push_back(at(i));
    for (int k = c.new_first; k < c.new_last; ++k) {
      row_ids_.push_back(candidates_.new_ids()[static_cast<size_t>(k)]);
    }
    for (int i = c.last; i < c.last + 3; ++i) row_ids_.push_back(at(i));
    set(Feature::repeats_new, static_cast<float>(repeats_in(row_ids_)));
  }

  // Whether the arguments of the call around a change fit the signature that the file defines.
  void calls(const Candidate& c) {
    if (c.operation != Operation::replace || c.first >= source_.count()) return;
    int open = source_.opener(c.first);
    if (open < 0 || !is_call(source_, open)) return;
    const auto found = model_.facts.signatures.find(source_.str(open - 1));
    if (found == model_.facts.signatures.end()) return;
    const Signature& signature = found->second;
    const auto arguments = arguments_of(source_, open);
    for (const auto& [first, last] : arguments) {
      const bool is_starred = source_.is(first, "*") || source_.is(first, "**");
      if (is_starred && source_.language().names_arguments) return;
    }
    const auto misfit = [&](int count) {
      if (signature.takes_any) return count < signature.required;
      return count < signature.required || count > static_cast<int>(signature.parameters.size());
    };
    const int count = static_cast<int>(arguments.size());
    const int change = c.kind == Kind::add_argument ? 1 : c.kind == Kind::drop_argument ? -1 : 0;
    set(Feature::arity_old, misfit(count) ? 1 : 0);
    set(Feature::arity_new, misfit(count + change) ? 1 : 0);
    set(Feature::argument_names, static_cast<float>(name_gain(c, signature, arguments)));
  }

  // Arguments that are called like their parameter: with the candidate minus without it.
  int name_gain(const Candidate& c, const Signature& signature,
                const std::vector<std::pair<int, int>>& arguments) const {
    const auto fits = [&](size_t index, std::string_view text) {
      return index < signature.parameters.size() && signature.parameters[index] == text ? 1 : 0;
    };
    for (size_t i = 0; i < arguments.size(); ++i) {
      const auto [first, last] = arguments[i];
      if (first != c.first) continue;
      if (c.kind == Kind::swap_arguments && i + 1 < arguments.size()) {
        const std::string_view a = text_of(source_, first, last);
        const std::string_view b =
            text_of(source_, arguments[i + 1].first, arguments[i + 1].second);
        return fits(i, b) + fits(i + 1, a) - fits(i, a) - fits(i + 1, b);
      }
      if (last == c.last && last == first + 1 && c.new_last == c.new_first + 1) {
        const int fresh = candidates_.new_ids()[static_cast<size_t>(c.new_first)];
        return fits(i, model_.vocabulary.text(fresh)) - fits(i, source_.str(first));
      }
    }
    return 0;
  }

  FileModel& model_;
  const Source& source_;
  const Unit& unit_;
  const UnitFacts& facts_;
  const Candidates& candidates_;
  Likelihood likelihood_;
  Nearness near_;
  Tallies tallies_;
  float* row_ = nullptr;
  float line_least_ = 0, line_mean_ = 0;
  bool falls_off_end_ = false, returns_values_ = false;
  std::unordered_map<std::string_view, int> definitions_;
  std::vector<int> row_ids_;
};

}  // namespace

std::vector<float> features_of(FileModel& model, const Unit& unit, const UnitFacts& facts,
                               const Candidates& candidates) {
  return Extractor(model, unit, facts, candidates).run();
}

}  // namespace corvid::tools::edits
