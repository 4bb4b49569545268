#include "tools/diff.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "tools/quote.h"

namespace corvid::tools {
namespace {

constexpr int kEditsMax = 1500;  // memory of the search grows with its square

using Lines = std::vector<std::string_view>;  // each with its "\n"

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

struct Op {
  char sign;  // ' ', '-', '+'
  std::string_view line;
};

void replace_all(const Lines& a, const Lines& b, std::vector<Op>& out) {
  for (const std::string_view line : a) out.push_back({'-', line});
  for (const std::string_view line : b) out.push_back({'+', line});
}

// The greedy algorithm of Myers over all of `a` and `b`; false when more than kEditsMax are needed.
bool myers(const Lines& a, const Lines& b, std::vector<Op>& out) {
  const int n = int(a.size());
  const int m = int(b.size());
  const int edits_max = std::min(n + m, kEditsMax);
  std::vector<int> reach(2 * size_t(edits_max) + 3, 0);  // furthest x on diagonal k, at k + offset
  const int offset = edits_max + 1;
  std::vector<std::vector<int>> trace;
  int edits = 0;
  for (bool done = false; !done; ++edits) {
    if (edits > edits_max) return false;
    trace.emplace_back(reach.begin() + (offset - edits - 1), reach.begin() + (offset + edits + 2));
    for (int k = -edits; k <= edits && !done; k += 2) {
      const bool down = k == -edits || (k != edits && reach[size_t(offset + k - 1)] <
                                                          reach[size_t(offset + k + 1)]);
      int x = down ? reach[size_t(offset + k + 1)] : reach[size_t(offset + k - 1)] + 1;
      int y = x - k;
      while (x < n && y < m && a[size_t(x)] == b[size_t(y)]) {
        ++x;
        ++y;
      }
      reach[size_t(offset + k)] = x;
      done = x >= n && y >= m;
    }
  }
  std::vector<Op> reversed;
  int x = n;
  int y = m;
  for (int d = edits - 1; d >= 0; --d) {
    // trace[d] holds the reach of diagonals -d-1..d+1 before step d.
    const std::vector<int>& before = trace[size_t(d)];
    const auto at = [&](int k) { return before[size_t(k + d + 1)]; };
    const int k = x - y;
    const bool down = k == -d || (k != d && at(k - 1) < at(k + 1));
    const int from_x = down ? at(k + 1) : at(k - 1);
    const int from_y = from_x - (down ? k + 1 : k - 1);
    while (d > 0 ? x > std::max(from_x, 0) && y > std::max(from_y, 0) : x > 0 && y > 0) {
      reversed.push_back({' ', a[size_t(--x)]});
      --y;
    }
    if (d == 0) break;
    if (down) {
      reversed.push_back({'+', b[size_t(--y)]});
    } else {
      reversed.push_back({'-', a[size_t(--x)]});
    }
  }
  out.insert(out.end(), reversed.rbegin(), reversed.rend());
  return true;
}

std::vector<Op> diff_lines(const Lines& a, const Lines& b) {
  size_t head = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  size_t tail = 0;
  while (tail < a.size() - head && tail < b.size() - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
  }
  std::vector<Op> ops;
  for (size_t i = 0; i < head; ++i) ops.push_back({' ', a[i]});
  const Lines middle_a(a.begin() + ptrdiff_t(head), a.end() - ptrdiff_t(tail));
  const Lines middle_b(b.begin() + ptrdiff_t(head), b.end() - ptrdiff_t(tail));
  if (!myers(middle_a, middle_b, ops)) replace_all(middle_a, middle_b, ops);
  for (size_t i = a.size() - tail; i < a.size(); ++i) ops.push_back({' ', a[i]});
  return ops;
}

std::string range(int first, int count) {
  // A range of no lines names the line before it; one of one line leaves the count out.
  const int start = count == 0 ? first - 1 : first;
  return std::to_string(start) + (count == 1 ? "" : "," + std::to_string(count));
}

// Operations [begin, end) as one hunk that starts at these lines of the two files.
void print_hunk(const std::vector<Op>& ops, size_t begin, size_t end, int line_a, int line_b,
                std::string& out) {
  int count_a = 0;
  int count_b = 0;
  for (size_t i = begin; i < end; ++i) {
    if (ops[i].sign != '+') ++count_a;
    if (ops[i].sign != '-') ++count_b;
  }
  out += "@@ -" + range(line_a, count_a) + " +" + range(line_b, count_b) + " @@\n";
  for (size_t i = begin; i < end; ++i) {
    out += ops[i].sign;
    out += ops[i].line;
    if (!ops[i].line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
  }
}

std::string hunks(std::string_view before, std::string_view after, int context) {
  const std::vector<Op> ops = diff_lines(lines_of(before), lines_of(after));
  const size_t around = size_t(std::max(context, 0));
  std::string out;
  int line_a = 1;
  int line_b = 1;
  const auto advance = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (ops[i].sign != '+') ++line_a;
      if (ops[i].sign != '-') ++line_b;
    }
  };
  size_t at = 0;
  for (size_t i = 0; i < ops.size();) {
    if (ops[i].sign == ' ') {
      ++i;
      continue;
    }
    size_t last = i;  // of the changes that share a hunk: at most 2 * around lines apart
    for (size_t j = i + 1; j < ops.size() && j - last <= 2 * around + 1; ++j) {
      if (ops[j].sign != ' ') last = j;
    }
    const size_t begin = std::max(at, i - std::min(i, around));
    const size_t end = std::min(ops.size(), last + 1 + around);
    advance(at, begin);
    print_hunk(ops, begin, end, line_a, line_b, out);
    advance(begin, end);
    at = end;
    i = end;
  }
  return out;
}

std::string file_header(const std::string& old_name, const std::string& new_name) {
  return "--- " + old_name + "\n+++ " + new_name + "\n";
}

}  // namespace

std::string unified_diff(std::string_view path, std::string_view before, std::string_view after,
                         int context) {
  if (before == after) return "";
  const std::string old_name = quote_path("a/" + std::string(path));
  const std::string new_name = quote_path("b/" + std::string(path));
  return file_header(old_name, new_name) + hunks(before, after, context);
}

std::string added_file_diff(std::string_view path, std::string_view content) {
  return file_header("/dev/null", quote_path("b/" + std::string(path))) + hunks("", content, 0);
}

std::string removed_file_diff(std::string_view path, std::string_view content) {
  return file_header(quote_path("a/" + std::string(path)), "/dev/null") + hunks(content, "", 0);
}

}  // namespace corvid::tools
