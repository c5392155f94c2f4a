/* cli: one file a command. COMMAND(name, function, "what it does, one line") above `static int function(int argc, char **argv)`.
 * argv[0] is the command's name. Exit codes: 0 good, 1 failed, 2 wrong usage. */
#pragma once

#include "base/base.h"
#include "wire/json.h"

typedef struct Command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *summary;
} Command;

#define COMMAND(Name, function, text)            \
  static int function(int argc, char **argv);    \
  const Command command_##function = { #Name, function, (text) };

/* All commands, NULL-terminated (generated from the COMMAND lines). */
extern const Command *const cli_commands[];

enum { CLI_GOOD = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Runs the command that argv names. Returns the exit code. */
int cli_main(int argc, char **argv);

/* Parses a command's options (argv is changed: what is left are the arguments). Wrong: says so on standard error and returns FALSE: exit with
 * CLI_USAGE. --help prints the summary and the options and ends the process. parameters: "[STACK]" or NULL. */
gboolean cli_options(int *argc, char ***argv, const GOptionEntry *entries, const char *parameters, const char *summary);
/* A whole command that shows something of the daemon and takes no arguments but --json and --data. Returns the exit code. */
typedef struct Daemon Daemon;
int cli_show(int argc, char **argv, const char *summary, Error *(*show)(Arena *arena, const Daemon *daemon, gboolean json));
/* "90s", "10m", "2h", "1d"; FALSE: it is none, or no positive number of less than 100,000. */
gboolean cli_duration(const char *text, gint64 *ret_ms);
/* Prints "haar COMMAND: ..." on standard error. Returns CLI_USAGE. */
int cli_wrong(const char *command, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Prints "haar: message" on standard error, frees the error. Returns CLI_FAILED. */
int cli_fail(Error *error);

/* The data directory: given, or $HAAR_DATA, or $XDG_DATA_HOME/haar, or ~/.local/share/haar. transfer full. */
char *cli_data_directory(const char *given);

/* The running daemon: its address, from $HAAR_ENDPOINT, or what it wrote into the data directory, or http://127.0.0.1:4566. */
struct Daemon {
  const char *url;           /* "http://127.0.0.1:4566" */
  const char *data_directory;
  gint64 pid;                /* 0: not known */
};
/* arena. */
Daemon cli_daemon(Arena *arena, const char *data_directory);
/* Calls haar's own API: method "GET" or "POST", path "status", in: body or NULL. Not running: an error that says how to start it. arena. */
Error *cli_call(Arena *arena, const Daemon *daemon, const char *method, const char *path, const Json *in, Json **ret_out) ERROR_MUST_USE;

/* What `haar serve` was told. */
typedef struct ServeOptions {
  char *data_directory;
  char *region;
  int port;
  int dns_port;              /* as in Haar */
  gboolean disk;             /* --durability=disk */
  gboolean network_off;
  gboolean egress;               /* a way out to the host's real network */
  gboolean detach;
} ServeOptions;
/* Runs the daemon until it is told to stop; in main.c. Returns the exit code. */
int daemon_run(const ServeOptions *options);
