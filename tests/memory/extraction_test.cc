// What is read out of single sentences, as tables. The second part of each was written before the
// rules and put aside while they were: 62 of those 64 were right when first run.

#include <catch2/catch.hpp>

#include "memory/ingest/facts.h"
#include "memory/ingest/foresight.h"
#include "memory/ingest/times.h"
#include "memory/memory.h"
#include "runtime/base/text.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

struct Said {
  const char* text;
  const char* found;
};

// "subject|key|value" of each fact that Ann states.
constexpr Said kFactsSeen[] = {
    {"My problem is that the build is slow.", ""},
    {"I moved to the next test.", ""},
    {"I moved to Zürich in May.", "ann|home|Zürich"},
    {"I work for hours on this every day.", ""},
    {"The problem is now fixed.", ""},
    {"My phone number is 555-1234, but my old phone number was 555-9999.",
     "ann|phone number|555-1234"},
    {"My wife's birthday is May 5.", "ann|wife birthday|May 5"},
    {"My name is not Bob.", ""},
    {"My favorite color isn't blue.", ""},
    {"If my password is 1234 it fails.", ""},
    {"She said \"my phone number is 555-7777\".", ""},
    {"She said my phone number is 555-7777.", ""},
    {"I live in fear of deadlocks.", ""},
    {"I got 12 errors when running the tests.", ""},
    {"I have two questions about the API.", ""},
    {"I now have 4 bikes", "ann|number of bikes|4"},
    {"the port is 9090 in production and 8080 in staging",
     "|port in production|9090; |port in staging|8080"},
    {"the port is 8081 in staging", "|port in staging|8081"},
    {"My son is 5 and my daughter is 7.", "ann|son|5; ann|daughter|7"},
    {"Suppose my name is Alice and I live in Rome.", ""},
    {"My car is broken.", ""},
    {"The cache port is 8080. Sorry, the cache port is 9090.", "|cache port|9090"},
    {"As I said, the staging port is 8443", "|staging port|8443"},
    {"I work as a nurse.", "ann|job|nurse"},
    {"My locker code is \"4711\".", "ann|locker code|4711"},
    {"My rent is $1,450 a month. My landlord is Mr. Green.",
     "ann|rent|$1,450 a month; ann|landlord|Mr Green"},
    {"If you see Tom, tell him the code is 9.", ""},
    {"My password is [redacted:password].", ""},
    {"My exam is due in 10 days.", ""},
};
constexpr Said kFactsAside[] = {
    {"If you need me, my extension is 4417.", "ann|extension|4417"},
    {"If my manager is Carol, I will ask her.", ""},
    {"Imagine the cache size is 512.", ""},
    {"He told me the gate code is 9921.", ""},
    {"My brother wrote “my flat is in Oslo” on the card.", ""},
    {"Maybe the retry limit is 5.", ""},
    {"The timeout is 30 in the test profile and 90 in production.",
     "|timeout in test profile|30; |timeout in production|90"},
    {"I live in constant worry about outages.", ""},
    {"I moved to the second chapter.", ""},
    {"I work at night.", ""},
    {"I work for Siemens in Munich.", "ann|employer|Siemens"},
    {"I live in New York these days.", "ann|home|New York"},
    {"I have three minutes.", ""},
    {"I have three cats.", "ann|number of cats|three"},
    {"The release branch is now closed.", ""},
    {"The release branch is now stable-9.", "|release branch|stable-9"},
    {"My screen is frozen.", ""},
    {"My laptop is a ThinkPad X1.", "ann|laptop|ThinkPad X1"},
    {"The API key prefix is ab12. Correction: the API key prefix is cd34.",
     "|api key prefix|cd34"},
    {"My opinion is that tests matter.", ""},
    {"Let's assume the batch size is 64.", ""},
    {"I wonder whether my badge number is 7.", ""},
    {"My badge number is 7 unless they changed it.", ""},
    {"Our main currency is now EUR.", "|main currency|EUR"},
    {"Call me Lee.", "ann|name|Lee"},
    {"According to the wiki, the admin port is 8443.", ""},
};

struct Twice {
  const char* first;
  const char* second;  // later
  const char* status;  // of what the first says
};
constexpr Twice kLaterSeen[] = {
    {"My car is a Volvo V70.", "My car is red.", "active"},
    {"My car is a Volvo V70.", "My car is broken.", "active"},
    {"The port is 9090 in production.", "The port is 8081 in staging.", "active"},
    {"The cache port is 8080.", "The cache port is 9090.", "superseded"},
    {"I live in Zürich.", "I live in fear of deadlocks.", "active"},
    {"I live in Zürich.", "I just moved to Porto.", "superseded"},
};
constexpr Twice kLaterAside[] = {
    {"My bike is a Trek.", "My bike is dirty.", "active"},
    {"My laptop is a ThinkPad X1.", "My laptop is now a MacBook Air.", "superseded"},
    {"My favorite band is Muse.", "My favorite band is Wilco.", "superseded"},
    {"My sister is a nurse.", "My sister is tall.", "active"},
    {"The queue length is 100.", "The queue length is 250.", "superseded"},
    {"My son is 5.", "My son is in kindergarten.", "active"},
};

// "first..last" of each expression; said on Wednesday, 4 March 2026, at 15:00.
constexpr Said kDaysSeen[] = {
    {"I will fly on December 24.", "2026-12-24"},
    {"I saw it on December 24.", "2025-12-24"},
    {"I will meet Anna a week from Friday.", "2026-03-13"},
    {"I'll renew the visa at the end of next month.", "2026-04-28..2026-04-30"},
    {"It is due by end of May.", "2026-05-29..2026-05-31"},
    {"due on the first Monday of April", "2026-04-06"},
    {"I need to submit this within two months.", "2026-03-04..2026-05-04"},
    {"The invoice is due on 3/15/2026.", "2026-03-15"},
    {"due by the 15th", "2026-03-15"},
    {"due on 2026-03-15T23:59:00Z.", "2026-03-15"},
    {"two weeks from now", "2026-03-16..2026-03-20"},
    {"I will visit in 24 hours.", "2026-03-05"},
    {"a meeting on Mon at noon", "2026-03-09"},
    {"I will be away from May 5 to May 9.", "2026-05-05 2026-05-09"},
    {"I will be back in half a year.", "2026-09-01..2026-09-30"},
    {"We'll ship in 10 days.", "2026-03-14"},
    {"The loan is due March 15th, 2027.", "2027-03-15"},
    {"the sun is out", ""},
};
constexpr Said kDaysAside[] = {
    {"Let us talk three weeks from today.", "2026-03-23..2026-03-27"},
    {"due by the 20th", "2026-03-20"},
    {"I have to pay by the 2nd.", "2026-04-02"},
    {"It arrives in 48 hours.", "2026-03-06"},
    {"We meet on Thu.", "2026-03-05"},
    {"a week from Monday", "2026-03-16"},
    {"I will finish by the end of June.", "2026-06-28..2026-06-30"},
    {"at the end of next week", "2026-03-13..2026-03-15"},
    {"on the last Friday of March", "2026-03-27"},
    {"the second Tuesday in May", "2026-05-12"},
    {"It is due 12/1/2026.", "2026-12-01"},
    {"It ends on 31/12/2026.", "2026-12-31"},
    {"Reply within three weeks.", "2026-03-04..2026-03-25"},
    {"I will fly on January 10.", "2027-01-10"},
    {"I was there on January 10.", "2026-01-10"},
    {"The slot is 2026-05-01T08:30.", "2026-05-01"},
    {"two days before Friday", "2026-03-04"},
    {"three days after March 10", "2026-03-13"},
    {"the week after next", "2026-03-16..2026-03-22"},
    {"I sat there in the sun, he may march.", ""},
};

// What became of the plans of the first sentence, said on 1 March 2026, after the second, said on
// the 2nd, as of the 3rd.
constexpr Twice kPlansSeen[] = {
    {"I'm going to write the quarterly report by Friday.",
     "I haven't finished the quarterly report.", "planned"},
    {"I plan to run the Boston marathon in April.",
     "I have not signed the Boston marathon form.", "planned"},
    {"The visa application is due on March 20.",
     "The visa application deadline was postponed to March 30.", "withdrawn planned"},
    {"I plan to buy a Nikon camera.", "I was not done comparing the Nikon camera.", "planned"},
    {"I will visit grandma next Saturday.", "My sister visited grandma and grandpa.", "planned"},
    {"I plan to move to Lisbon.", "If I finally moved to Lisbon I would be happy.", "planned"},
    {"The grant proposal is due on March 10.", "The grant proposal won't be late.", "planned"},
    {"We're going to refactor the parser module.", "I fixed a typo in the parser module.",
     "planned"},
    {"I'm going to cancel the gym membership tomorrow.", "I cancelled the gym membership.", "kept"},
    {"I'm going to submit the thesis draft by Friday.", "I submitted the thesis draft.", "kept"},
    {"I need to renew my passport by the 20th.", "I renewed my passport.", "kept"},
    {"My exam is due in 10 days.", "The exam was moved to March 20.", "withdrawn planned"},
    {"I plan to join the pottery class.", "I changed my mind about the pottery class.",
     "withdrawn"},
};
constexpr Twice kPlansAside[] = {
    {"I'm going to paint the garage this month.", "I haven't painted the garage yet.", "planned"},
    {"I plan to visit the Prado museum.",
     "If I had visited the Prado museum, I would tell you.", "planned"},
    {"The tax return is due on March 20.", "The tax return deadline was moved to April 2.",
     "withdrawn planned"},
    {"I'm going to sell the old piano.", "I never sold the old piano.", "planned"},
    {"We're going to deploy the billing service tomorrow.", "We deployed the billing service.",
     "kept"},
    {"I'm going to cancel the Netflix subscription on Friday.",
     "I cancelled the Netflix subscription.", "kept"},
    {"I have a dentist appointment on March 12.", "My dentist appointment won't be long.",
     "planned"},
    {"I plan to submit the patent filing.", "I will not submit the patent filing.", "withdrawn"},
    {"The team offsite is scheduled for May 4.", "The team offsite was postponed until May 18.",
     "withdrawn planned"},
    {"I plan to finish the novel draft.", "I wish I had finished the novel draft.", "planned"},
    {"I plan to finish the novel draft.", "I almost finished the novel draft.", "planned"},
    {"The dishwasher repair is due on March 9.", "The dishwasher repair was cancelled.",
     "withdrawn"},
};

std::string facts_in(const std::string& text) {
  Turn turn;
  turn.text = text;
  turn.speaker = "Ann";
  std::string out;
  for (const Fact& fact : facts_of(turn)) {
    out += (out.empty() ? "" : "; ") + fact.subject + "|" + fact.key + "|" + fact.value;
  }
  return out;
}

std::string days_in(const std::string& text) {
  std::string out;
  for (const TimeRef& ref : time_refs(text, parse_time("2026-03-04T15:00"))) {
    out += (out.empty() ? "" : " ") + format_time(ref.first).substr(0, 10);
    if (ref.first != ref.last) out += ".." + format_time(ref.last).substr(0, 10);
  }
  return out;
}

std::string status_after(const Twice& said_twice) {
  Memory memory(in_memory());
  memory.remember(said("a", "Ann", said_twice.first, "2026-03-01"));
  memory.remember(said("b", "Ann", said_twice.second, "2026-03-02"));
  for (const Fact& fact : memory.facts({.scope = memory.scope()}, 10)) {
    if (fact.turn == 1) return std::string(status_name(fact.status));
  }
  return "absent";
}

std::string plans_after(const Twice& said_twice) {
  Memory memory(in_memory());
  memory.remember(said("a", "Ann", said_twice.first, "2026-03-01"));
  memory.remember(said("b", "Ann", said_twice.second, "2026-03-02"));
  std::string out;
  for (const Foresight& one :
       memory.foresights({.scope = memory.scope()}, parse_time("2026-03-03"))) {
    out += (out.empty() ? "" : " ") + std::string(status_name(one.status));
  }
  return out;
}

template <size_t N, size_t M, typename Read>
void check(const Said (&seen)[N], const Said (&aside)[M], const Read& read) {
  const auto one = [&](const Said& each) {
    INFO(each.text);
    CHECK(read(each.text) == each.found);
  };
  for (const Said& each : seen) one(each);
  for (const Said& each : aside) one(each);
}

template <size_t N, size_t M, typename Read>
void check(const Twice (&seen)[N], const Twice (&aside)[M], const Read& read) {
  const auto one = [&](const Twice& each) {
    INFO(each.first << " " << each.second);
    CHECK(read(each) == each.status);
  };
  for (const Twice& each : seen) one(each);
  for (const Twice& each : aside) one(each);
}

}  // namespace

TEST_CASE("Facts are what a sentence claims") { check(kFactsSeen, kFactsAside, facts_in); }

TEST_CASE("Only what contradicts supersedes") { check(kLaterSeen, kLaterAside, status_after); }

TEST_CASE("Times are read with all their words") { check(kDaysSeen, kDaysAside, days_in); }

TEST_CASE("Plans are kept, moved or called off by what was so") {
  check(kPlansSeen, kPlansAside, plans_after);
}

TEST_CASE("A day is that of the place where it was said") {
  const auto day = [](const std::string& when, const char* text) {
    const std::vector<TimeRef> refs = time_refs(text, parse_time(when), utc_offset(when));
    return format_time(refs.at(0).first).substr(0, 10);
  };
  CHECK(day("2026-03-31T23:30:00-08:00", "tomorrow") == "2026-04-01");
  CHECK(day("2026-06-01T00:30+09:00", "yesterday") == "2026-05-31");
  CHECK(day("2026-06-01T00:30:00Z", "yesterday") == "2026-05-31");
  CHECK(utc_offset("2026-03-31") == 0);
  CHECK(utc_offset("2026-03-31T10:00+05:30") == 330);
}
