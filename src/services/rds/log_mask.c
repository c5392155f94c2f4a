/* log_mask: statements in a log without the passwords that they set. MySQL writes its logs so; MariaDB's only its audit log.
 * https://dev.mysql.com/doc/refman/8.0/en/password-logging.html */
#include "services/rds/rds.h"

/* What stands before a password, and the password: a literal, which may be cut off by the end of the event. */
#define BEFORE "(\\bIDENTIFIED\\s++(?:BY|(?:WITH|VIA)\\s++\\S++\\s++(?:BY|AS|USING))\\s++(?:PASSWORD\\b\\s*+)?\\(?\\s*+|PASSWORD\\b(?:\\s++FOR\\b[^=]{0,300}+)?\\s*+[=(]\\s*+" \
               "(?:(?:OLD_)?PASSWORD\\b\\s*+\\(\\s*+)?)"
#define LITERAL "(?:'(?:[^'\\\\]|\\\\.|'')*+(?:'|\\\\?$)|\"(?:[^\"\\\\]|\\\\.|\"\")*+(?:\"|\\\\?$))"

static GRegex *
pattern(void)
{
  static GRegex *made;
  if (g_once_init_enter(&made))
    g_once_init_leave(&made, g_regex_new(BEFORE LITERAL, G_REGEX_CASELESS | G_REGEX_DOTALL | G_REGEX_OPTIMIZE, 0, NULL));
  return made;
}

char *
log_mask(char *message)
{
  g_autofree char *before = message;
  char *masked = g_regex_replace(pattern(), message, -1, 0, "\\1<secret>", 0, NULL);
  return masked ? masked : g_strdup("<an entry that could not be searched for passwords>");
}
