/* haar mail: what would have gone out by e-mail and SMS. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char summary[] = "Lists the local mailbox: what SNS would have sent by e-mail or SMS, with the links to confirm.\n"
                              "  haar mail --follow\n"
                              "  haar mail read 3";

typedef struct Box {
  Daemon daemon;
  gboolean json;
  gint64 after;
  gboolean more;
} Box;

static const char *
text(const Json *mail, const char *name)
{
  const char *value = json_string(json_get(mail, name));
  return value ? value : "";
}

static void
print_line(const Box *box, const Json *mail)
{
  if (box->json) {
    g_autoptr(GString) out = g_string_new(NULL);
    json_write(out, mail);
    puts(out->str);
    return;
  }
  printf("%4s  %s  %-10s  %s  %s\n", json_get(mail, "number")->text, text(mail, "time"), text(mail, "kind"), text(mail, "to"), text(mail, "subject"));
  if (strstr(text(mail, "link"), "Action=ConfirmSubscription"))
    printf("      confirm: curl '%s'\n", text(mail, "link"));
}

static Error *
print_page(Box *box)
{
  g_autoptr(Arena) arena = arena_new();
  Json *out;
  const char *path = arena_printf(arena, "mails?after=%" G_GINT64_FORMAT "%s", box->after, box->json ? "&whole=1" : "");
  TRY(cli_call(arena, &box->daemon, "GET", path, NULL, &out));
  const Json *mails = json_get(out, "mails"), *more = json_get(out, "more");
  for (guint i = 0; mails && i < mails->n; i++) {
    print_line(box, mails->items[i]);
    box->after = g_ascii_strtoll(json_get(mails->items[i], "number")->text, NULL, 10);
  }
  fflush(stdout);
  box->more = more && more->type == JSON_TRUE;
  return NULL;
}

static int
print_all(Box *box, gboolean follow)
{
  static const gulong look_us = 300000;
  do {
    Error *error = print_page(box);
    if (error)
      return cli_fail(error);
    if (!box->more && follow)
      g_usleep(look_us);
  } while (box->more || follow);
  if (!box->after && !box->json)
    fprintf(stderr, "haar mail: the mailbox is empty\n");
  return CLI_GOOD;
}

static int
print_letter(const Box *box, const char *number)
{
  g_autoptr(Arena) arena = arena_new();
  Json *mail;
  Error *error = cli_call(arena, &box->daemon, "GET", arena_printf(arena, "mail?number=%s", text_uri_encode(arena, number, FALSE)), NULL, &mail);
  if (error)
    return cli_fail(error);
  if (box->json)
    print_line(box, mail);
  else
    printf("From: %s\nTo: %s\nDate: %s\nSubject: %s\n\n%s\n", text(mail, "from"), text(mail, "to"), text(mail, "time"), text(mail, "subject"), text(mail, "body"));
  return CLI_GOOD;
}

COMMAND(mail, run_mail, "show what SNS sent by e-mail: mail, mail --follow, mail read N")
static int
run_mail(int argc, char **argv)
{
  g_autofree char *data = NULL;
  gboolean follow = FALSE, json = FALSE;
  const GOptionEntry entries[] = {
      {"follow", 'f', 0, G_OPTION_ARG_NONE, &follow, "Go on with what comes", NULL},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &json, "One JSON object a line, with the text", NULL},
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[read N]", summary))
    return CLI_USAGE;
  g_autoptr(Arena) arena = arena_new();
  Box box = {.daemon = cli_daemon(arena, data), .json = json};
  if (argc == 3 && strcmp(argv[1], "read") == 0 && strspn(argv[2], "0123456789") == strlen(argv[2]))
    return print_letter(&box, argv[2]);
  if (argc != 1)
    return cli_wrong("mail", "write `haar mail` or `haar mail read NUMBER`");
  return print_all(&box, follow);
}
