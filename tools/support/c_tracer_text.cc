#include "tools/support/c_tracer_text.h"

namespace corvid::tools {

std::string_view compiler_text() {
  return R"(#!/bin/sh
# Compiles with coverage and links the recorder; where that fails, does what was asked.
name=${0##*/}
here=${0%/*}
PATH=$CORVID_C_PATH
export PATH
real=$(command -v "$name") || { echo "$name: not found" >&2; exit 127; }
mode=link
[ $# -gt 0 ] || exec "$real"
for word in "$@"; do
  case $word in
    -|-E|-S|-M|-MM|-fsyntax-only|-r|-###|-v|-V) exec "$real" "$@" ;;
    --version|--help*|-dump*|-print-*|--print-*) exec "$real" "$@" ;;
    -c) mode=compile ;;
  esac
done
recorder=$CORVID_C_OUT/recorder.o
set_of_flags="-g --coverage -fprofile-abs-path"
if [ $mode = link ]; then
  if [ ! -f "$recorder" ]; then
    "$real" -x c -O1 -fPIC -w -c "$here/recorder.c" -o "$recorder.$$" 2>/dev/null &&
      mv "$recorder.$$" "$recorder"
  fi
  [ -f "$recorder" ] && set_of_flags="$set_of_flags -x none $recorder"
fi
errors=$CORVID_C_OUT/errors.$$
if "$real" "$@" $set_of_flags 2>"$errors"; then
  cat "$errors" >&2
  rm -f "$errors"
  exit 0
fi
rm -f "$errors"
exec "$real" "$@"
)";
}

std::string_view recorder_text() {
  return R"(#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

extern void __gcov_dump(void);
extern void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

static char folder[4096], setting[4200];
static struct sigaction before[65];

static void enter(void) {
  const char *out = getenv("CORVID_C_OUT");
  if (out == NULL || strlen(out) > 4000) return;
  snprintf(folder, sizeof folder, "%s/%ld", out, (long)getpid());
  mkdir(folder, 0777);
  snprintf(setting, sizeof setting, "GCOV_PREFIX=%s", folder);
  putenv(setting);
}

static void write_line(const char *name, const char *text) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (file < 0) return;
  if (write(file, text, strlen(text)) < 0) {}
  close(file);
}

static void note(const char *how, int value) {
  char text[64];
  snprintf(text, sizeof text, "%s %d\n", how, value);
  write_line("status", text);
}

static void note_frames(void) {
  void *places[48];
  int count = backtrace(places, 48);
  for (int i = 0; i < count; ++i) {
    Dl_info info;
    char exe[4096], text[4300];
    if (!dladdr(places[i], &info) || info.dli_fbase == NULL) continue;
    const char *name = info.dli_fname;
    if (name[0] != '/') {
      ssize_t size = readlink("/proc/self/exe", exe, sizeof exe - 1);
      if (size <= 0) continue;
      exe[size] = 0;
      name = exe;
    }
    unsigned long at = (unsigned long)places[i] - 1;
    if (((Elf64_Ehdr *)info.dli_fbase)->e_type == ET_DYN) at -= (unsigned long)info.dli_fbase;
    snprintf(text, sizeof text, "%lx %s\n", at, name);
    write_line("frames", text);
  }
}

static void dump(void) {
  __gcov_dump();
}

static void on_death(void) {
  enter();
  note("signal", SIGABRT);
  dump();
}

static void on_end(int status, void *unused) {
  (void)unused;
  enter();
  note("exit", status & 0xff);
}

static void on_signal(int number) {
  enter();
  note(number == SIGVTALRM ? "running" : "signal", number);
  note_frames();
  dump();
  if (number == SIGVTALRM) return;
  sigaction(number, &before[number], NULL);
  raise(number);
}

__attribute__((constructor)) static void begin(void) {
  static const int kSignals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM, SIGVTALRM};
  if (getenv("CORVID_C_OUT") == NULL) return;
  on_exit(on_end, NULL);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(on_death);
  for (unsigned i = 0; i < sizeof kSignals / sizeof *kSignals; ++i) {
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_NODEFER | SA_RESTART;
    if (sigaction(kSignals[i], NULL, &old) || old.sa_handler != SIG_DFL) continue;
    before[kSignals[i]] = old;
    sigaction(kSignals[i], &action, NULL);
  }
  struct itimerval timer;
  memset(&timer, 0, sizeof timer);
  timer.it_value.tv_sec = 5;
  setitimer(ITIMER_VIRTUAL, &timer, NULL);
}
)";
}

std::string_view collector_text() {
  return R"(#!/bin/sh
# Turns what processes recorded into lines and frames.
cd "$CORVID_C_OUT" || exit 0
count=0
for folder in [0-9]*; do
  [ -d "$folder" ] || continue
  count=$((count + 1))
  [ $count -le 200 ] || break
  find "$folder" -name '*.gcda' | head -n 500 > "$folder.data"
  while read -r data; do
    note=/${data#*/}
    note=${note%.gcda}.gcno
    [ -f "$note" ] && ln -sf "$note" "${data%.gcda}.gcno"
  done < "$folder.data"
  [ -s "$folder.data" ] &&
    xargs -d '\n' gcov --json-format --stdout < "$folder.data" > "$folder.lines" 2>/dev/null
  cat "$folder/status" > "$folder.status" 2>/dev/null
  [ -f "$folder/frames" ] || continue
  head -n 60 "$folder/frames" | while read -r place file; do
    addr2line -f -C -e "$file" "0x$place"
  done > "$folder.frames" 2>/dev/null
done
exit 0
)";
}

}  // namespace corvid::tools
