#include "services/secretsmanager/secretsmanager.h"

#include <string.h>

#define LENGTH_DEFAULT 32
#define LENGTH_MAX 4096

/* https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html */
static const char lower[] = "abcdefghijklmnopqrstuvwxyz", upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", digits[] = "0123456789",
                  punctuation[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

typedef struct Alphabet {
  char sets[5][40];
  guint n;
  char all[128];
} Alphabet;

static void
add_set(Alphabet *alphabet, const char *characters, const char *exclude)
{
  char *set = alphabet->sets[alphabet->n];
  gsize n = 0;
  for (const char *c = characters; *c; c++)
    if (!exclude || !strchr(exclude, *c))
      set[n++] = *c;
  set[n] = 0;
  if (!n)
    return;
  alphabet->n++;
  g_strlcat(alphabet->all, set, sizeof alphabet->all);
}

static char
pick(const char *from)
{
  guint32 n = (guint32) strlen(from), value = 0, limit = G_MAXUINT32 - G_MAXUINT32 % n;
  do
    id_random(&value, sizeof value);
  while (value >= limit); /* no character is likelier than another */
  return from[value % n];
}

static void
shuffle(char *text, gsize n)
{
  for (gsize i = n; i > 1; i--) {
    guint32 value = 0;
    id_random(&value, sizeof value);
    gsize j = value % i;
    char swapped = text[i - 1];
    text[i - 1] = text[j];
    text[j] = swapped;
  }
}

Error *
password_make(Arena *arena, const SecretsmanagerGetRandomPasswordInput *in, const char **ret_password)
{
  Alphabet alphabet = {0};
  gint64 length = OPT_OR(in->PasswordLength, LENGTH_DEFAULT);
  gboolean each = OPT_OR(in->RequireEachIncludedType, TRUE);
  if (!OPT_OR(in->ExcludeLowercase, FALSE))
    add_set(&alphabet, lower, in->ExcludeCharacters);
  if (!OPT_OR(in->ExcludeUppercase, FALSE))
    add_set(&alphabet, upper, in->ExcludeCharacters);
  if (!OPT_OR(in->ExcludeNumbers, FALSE))
    add_set(&alphabet, digits, in->ExcludeCharacters);
  if (!OPT_OR(in->ExcludePunctuation, FALSE))
    add_set(&alphabet, punctuation, in->ExcludeCharacters);
  if (OPT_OR(in->IncludeSpace, FALSE))
    add_set(&alphabet, " ", in->ExcludeCharacters);
  if (!alphabet.n || length < 1 || length > LENGTH_MAX || (each && length < (gint64) alphabet.n))
    return error_answer("InvalidParameterException", "%s", !alphabet.n ? "The password has no characters left to be made of."
                                                             : "The password length is out of range: at least one character of each included type, at most 4096.");
  char *password = arena_alloc(arena, (gsize) length + 1);
  for (gint64 i = 0; i < length; i++)
    password[i] = pick(each && i < (gint64) alphabet.n ? alphabet.sets[i] : alphabet.all);
  shuffle(password, (gsize) length);
  *ret_password = password;
  return NULL;
}

OPERATION(GetRandomPassword, get_random_password, .txn = TXN_READ)
static Error *
get_random_password(Call *call, const SecretsmanagerGetRandomPasswordInput *in, SecretsmanagerGetRandomPasswordOutput *ret_out)
{
  return password_make(call->arena, in, &ret_out->RandomPassword);
}
