#include "engine/sample/decimal.h"

#include <charconv>
#include <cmath>

namespace corvid::engine {
namespace {

constexpr int kDigitsMax = 15;

enum Phase : int32_t { kStart, kMinus, kZero, kWhole, kPoint, kFraction };

// A place's state: phase, sign, digits in all and behind the point.
struct Parts {
  int32_t phase, negative, count, fraction;
};
Parts parts_of(int32_t state) {
  return {state & 7, state >> 3 & 1, state >> 4 & 31, state >> 9 & 31};
}
int32_t state_of(const Parts& p) {
  return p.phase | p.negative << 3 | p.count << 4 | p.fraction << 9;
}

double size_of(int64_t digits, int fraction) {
  return static_cast<double>(digits) / std::pow(10.0, fraction);
}

// Whether a magnitude in [from, to) is within the bounds; `whole`: `from` itself counts.
bool meets(const DecimalBounds& bounds, bool negative, double from, double to) {
  const double low = negative ? -bounds.high : bounds.low;
  const double high = negative ? -bounds.low : bounds.high;
  const bool high_open = negative ? bounds.low_open : bounds.high_open;
  return to > low && (from < high || (from == high && !high_open));
}

bool reachable(const DecimalBounds& bounds, const DecimalPlace& place) {
  const Parts p = parts_of(place.state);
  if (p.phase == kStart) return true;
  if (p.phase == kMinus) return bounds.low < 0;
  if (p.count >= kDigitsMax) return decimal_may_end(bounds, place);
  const double from = size_of(place.digits, p.fraction), to = size_of(place.digits + 1, p.fraction);
  if (meets(bounds, p.negative, from, to)) return true;
  if (p.phase != kWhole) return false;
  double scale = 1;
  for (int more = p.count; more < kDigitsMax; ++more) {
    scale *= 10;
    if (meets(bounds, p.negative, from * scale, to * scale)) return true;
  }
  return false;
}

// `number` without up to `count` factors of 2 and as many of 5.
uint64_t without_tens(uint64_t number, int count) {
  for (const uint64_t factor : {2, 5}) {
    for (int i = 0; i < count && number % factor == 0; ++i) number /= factor;
  }
  return number;
}

}  // namespace

Decimal Decimal::read(std::string_view text) {
  Decimal number;
  bool is_fraction = false;
  int zeros = 0;  // that count only where another digit follows
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == 'e' || text[i] == 'E') {
      int exponent = 0;
      const char* const from = text.data() + i + (text.substr(i + 1).starts_with('+') ? 2 : 1);
      std::from_chars(from, text.data() + text.size(), exponent);
      number.exponent += exponent;
      break;
    }
    if (text[i] == '.') is_fraction = true;
    if (text[i] < '0' || text[i] > '9') continue;
    number.exponent -= is_fraction;
    if (text[i] == '0') {
      ++zeros;
      continue;
    }
    for (; zeros >= 0; --zeros) number.digits *= 10;
    number.digits += static_cast<uint64_t>(text[i] - '0');
    zeros = 0;
  }
  number.exponent += zeros;
  return number;
}

bool Decimal::is_multiple_of(const Decimal& step) const {
  if (digits == 0) return true;
  const int tens = exponent - step.exponent;
  return tens >= 0 && digits % without_tens(step.digits, tens) == 0;
}

int64_t Decimal::whole_multiple(int64_t most) const {
  const auto limit = static_cast<uint64_t>(most);
  uint64_t whole = without_tens(digits, exponent < 0 ? -exponent : 0);
  for (int i = 0; i < exponent && whole <= limit; ++i) whole *= 10;
  return whole <= limit ? static_cast<int64_t>(whole) : 0;
}

bool DecimalBounds::holds(double value) const {
  return (low_open ? value > low : value >= low) && (high_open ? value < high : value <= high);
}

bool decimal_may_end(const DecimalBounds& bounds, const DecimalPlace& place) {
  const Parts p = parts_of(place.state);
  if (p.phase != kZero && p.phase != kWhole && p.phase != kFraction) return false;
  const double size = size_of(place.digits, p.fraction);
  return bounds.holds(p.negative ? -size : size);
}

bool decimal_step(const DecimalBounds& bounds, DecimalPlace& place, uint8_t byte) {
  Parts p = parts_of(place.state);
  DecimalPlace next = place;
  const bool is_digit = byte >= '0' && byte <= '9';
  if (byte == '-' && p.phase == kStart) {
    p.phase = kMinus;
    p.negative = 1;
  } else if (byte == '.' && (p.phase == kZero || p.phase == kWhole) && p.count < kDigitsMax) {
    p.phase = kPoint;
  } else if (is_digit && p.phase != kZero && p.count < kDigitsMax) {
    next.digits = next.digits * 10 + (byte - '0');
    ++p.count;
    const bool begins = p.phase == kStart || p.phase == kMinus;
    if (p.phase == kPoint || p.phase == kFraction) {
      ++p.fraction;
      p.phase = kFraction;
    } else if (begins) {
      p.phase = byte == '0' ? kZero : kWhole;
    }
  } else {
    return false;
  }
  next.state = state_of(p);
  if (!reachable(bounds, next)) return false;
  place = next;
  return true;
}

std::string decimal_rest(const DecimalBounds& bounds, DecimalPlace place) {
  std::string text;
  while (!decimal_may_end(bounds, place)) {
    // Zero last among the digits: it comes no nearer to an end.
    constexpr std::string_view kOrder = "512346789.0-";
    size_t i = 0;
    while (i < kOrder.size() && !decimal_step(bounds, place, static_cast<uint8_t>(kOrder[i]))) ++i;
    if (i == kOrder.size()) return text;
    text += kOrder[i];
  }
  return text;
}

}  // namespace corvid::engine
