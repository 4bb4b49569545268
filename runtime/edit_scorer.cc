#include "runtime/edit_scorer.h"

#include <algorithm>
#include <cmath>

#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

using engine::Token;

constexpr size_t kLinesMax = 48;
constexpr size_t kTokensMax = 700;

bool is_blank(const std::string& line) { return trim(line).empty(); }

size_t indentation(const std::string& line) {
  const size_t width = line.find_first_not_of(" \t");
  return width == std::string::npos ? line.size() : width;
}

// A function as the model reads it.
struct Reading {
  size_t first = 0;                       // index of its first line in the request
  size_t indent = 0;                      // common indentation that is left out
  std::vector<std::vector<Token>> lines;  // tokens of each line with its newline
  std::vector<size_t> starts;             // position of a line's first token in the first reading
  std::vector<Token> tokens;
};

float log_sum_exp(std::span<const float> row) {
  const float top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float value : row) sum += std::exp(double(value - top));
  return top + float(std::log(sum));
}

}  // namespace

RankSettings parse_rank_settings(std::string_view profile_json) {
  RankSettings settings;
  try {
    const Json profile = parse_json(profile_json, "corvid.profile");
    if (!profile.contains("rank")) return settings;
    const Json& rank = profile.at("rank");
    if (json_string_or(rank, "format", "") != "read-twice") {
      fail(Code::corrupt, "unknown format; known: read-twice");
    }
    settings.is_read_twice = true;
    settings.weight = rank.value("weight", 0.0f);
    settings.token = rank.value("token", 1.0f);
    settings.verdict = rank.value("verdict", 0.0f);
  } catch (const std::exception& error) {  // edge: the JSON library, and what reads it
    fail(Code::corrupt, std::string("corvid.profile: rank: ") + error.what());
  }
  return settings;
}

EditScorer::EditScorer(engine::Engine& engine, RankSettings settings)
    : engine_(engine), settings_(settings) {
  const engine::Tokenizer& tokenizer = engine.tokenizer();
  edit_ = tokenizer.find("<|edit|>");
  ok_ = tokenizer.find("<|ok|>");
  bug_ = tokenizer.find("<|bug|>");
  hint_ = tokenizer.find("<|hint|>");
  end_of_text_ = tokenizer.find("<|endoftext|>");
  if (edit_ < 0 || ok_ < 0 || bug_ < 0 || hint_ < 0 || end_of_text_ < 0) {
    fail(Code::unsupported, "this model's vocabulary lacks the marks that ranking edits needs");
  }
}

TokenCounts EditScorer::tokens() const {
  const std::scoped_lock guard(mutex_);
  return tokens_;
}

std::vector<float> EditScorer::score(const tools::RankRequest& request) {
  const engine::Tokenizer& tokenizer = engine_.tokenizer();
  const auto encode = [&](const std::string& line, size_t indent) {
    const std::string shown =
        is_blank(line) ? "" : line.substr(std::min(indent, indentation(line)));
    return tokenizer.encode(shown + "\n", false);
  };
  Reading reading;
  size_t count = std::min(request.lines.size(), kLinesMax);
  if (request.hint_line > 0 && request.lines.size() > kLinesMax) {
    const size_t hint = size_t(std::max(0, request.hint_line - request.first_line));
    reading.first =
        std::min(hint > kLinesMax / 2 ? hint - kLinesMax / 2 : 0, request.lines.size() - kLinesMax);
  }
  reading.indent = std::string::npos;
  for (size_t i = reading.first; i < reading.first + count; ++i) {
    if (!is_blank(request.lines[i])) {
      reading.indent = std::min(reading.indent, indentation(request.lines[i]));
    }
  }
  if (reading.indent == std::string::npos) reading.indent = 0;
  for (size_t i = reading.first; i < reading.first + count; ++i) {
    std::vector<Token> line = encode(request.lines[i], reading.indent);
    if (reading.tokens.size() + line.size() > kTokensMax) break;
    if (int(i) + request.first_line == request.hint_line) reading.tokens.push_back(hint_);
    reading.starts.push_back(reading.tokens.size());
    reading.tokens.insert(reading.tokens.end(), line.begin(), line.end());
    reading.lines.push_back(std::move(line));
  }
  std::vector<float> scores(request.candidates.size(), 0);
  if (reading.lines.size() < 2) return scores;

  std::vector<Token> first = reading.tokens;
  first.push_back(edit_);
  const size_t rows = reading.tokens.size(), width = size_t(tokenizer.vocab_size());
  std::vector<float> logits(rows * width);
  const auto sequence = engine_.open();
  engine_.append(*sequence, first, {}, false, {});
  engine_.append(*sequence, reading.tokens, logits, true, {});
  {
    const std::scoped_lock guard(mutex_);
    tokens_.prefilled += int64_t(first.size() + rows);
  }
  const auto row = [&](size_t i) { return std::span<const float>(&logits[i * width], width); };

  for (size_t c = 0; c < request.candidates.size(); ++c) {
    const tools::EditCandidate& candidate = request.candidates[c];
    const int64_t at = int64_t(candidate.line) - request.first_line - int64_t(reading.first);
    if (at < 0 || at >= int64_t(reading.lines.size())) continue;
    const std::vector<Token>& old_line = reading.lines[size_t(at)];
    size_t offset = 0;
    Token wanted = end_of_text_;
    if (candidate.new_text.empty() && !candidate.old_text.empty()) {
      if (size_t(at) + 1 < reading.lines.size()) wanted = reading.lines[size_t(at) + 1].front();
    } else {
      const std::vector<Token> new_line = encode(candidate.new_text, reading.indent);
      if (!candidate.old_text.empty()) {
        const size_t shorter = std::min(old_line.size(), new_line.size());
        while (offset + 1 < shorter && old_line[offset] == new_line[offset]) ++offset;
      }
      wanted = new_line[offset];
    }
    const size_t start = reading.starts[size_t(at)];
    const auto here = row(start + offset);
    const auto end = row(start + old_line.size() - 1);
    const float token_odds = here[size_t(wanted)] - here[size_t(ok_)];
    const float verdict_odds = end[size_t(bug_)] - end[size_t(ok_)];
    // An improbable token says little more the more improbable it is.
    const float floor = log_sum_exp(here) - here[size_t(ok_)] - 20;
    scores[c] = settings_.weight *
                (settings_.token * std::max(token_odds, floor) + settings_.verdict * verdict_odds);
  }
  return scores;
}

}  // namespace corvid::runtime
