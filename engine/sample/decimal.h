#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace corvid::engine {

// The size of a number: digits * 10^exponent, exactly.
struct Decimal {
  uint64_t digits = 0;  // no multiple of 10, unless 0
  int exponent = 0;

  // `text` is a number as JSON has it, with at most 19 digits that count or below 2^64.
  static Decimal read(std::string_view text);
  bool is_multiple_of(const Decimal& step) const;  // which is not 0
  // The smallest whole number above 0 that is a multiple of it; 0: that is above `most`.
  int64_t whole_multiple(int64_t most) const;
};

// Numbers within bounds, written as [-]digits[.digits] with at most 15 digits, byte by byte. Bounds
// are at most 1e9 in size and at least 1e-6 apart, so that there is always a way to the end.
struct DecimalBounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;  // the bound itself is not allowed

  bool holds(double value) const;
};

// Where in a number we are; 0 and 0 at its start.
struct DecimalPlace {
  int32_t state = 0;
  int64_t digits = 0;
};

// False: no number within the bounds goes on so; `place` is then as it was.
bool decimal_step(const DecimalBounds& bounds, DecimalPlace& place, uint8_t byte);
bool decimal_may_end(const DecimalBounds& bounds, const DecimalPlace& place);
std::string decimal_rest(const DecimalBounds& bounds, DecimalPlace place);  // a short way to an end

}  // namespace corvid::engine
