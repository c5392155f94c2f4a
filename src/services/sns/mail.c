/* The local mailbox: what would have gone out by e-mail or SMS. Letters are rows of a table, and files (RFC 5322) in the data directory's mail/.
 * `haar mail` shows them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "services/sns/sns.h"

const Table sns_mails = {"sns.mail"};

enum { KEPT_MAX = 1000, PAGE = 100 };

static const char sender[] = "no-reply@sns.amazonaws.com";

static char *
file_of(const Haar *haar, gint64 number)
{
  g_autofree char *name = g_strdup_printf("%06" G_GINT64_FORMAT ".eml", number);
  return g_build_filename(haar->data_directory, "mail", name, NULL);
}

/* A header's text: as it is, or as one encoded word. https://www.rfc-editor.org/rfc/rfc2047 */
static const char *
header_text(Arena *arena, const char *text)
{
  for (const char *at = text; *at; at++)
    if ((guint8) *at < 0x20 || (guint8) *at > 0x7e)
      return arena_printf(arena, "=?UTF-8?B?%s?=", text_base64(arena, text, strlen(text)));
  return text;
}

static char *
letter(Arena *arena, const SnsMailRecord *mail)
{
  g_autoptr(GString) out = g_string_new(NULL);
  g_autofree char *date = g_strdup(text_http_date(arena, OPT_OR(mail->time, 0)));
  char *gmt = strstr(date, " GMT");
  if (gmt)
    *gmt = 0;
  g_string_append_printf(out, "Date: %s +0000\r\nFrom: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%" G_GINT64_FORMAT "@sns.amazonaws.com>\r\n", date,
                         mail->from, mail->to, header_text(arena, mail->subject), OPT_OR(mail->number, 0));
  g_string_append_printf(out, "MIME-Version: 1.0\r\nContent-Type: %s; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", mail->type);
  for (const char *at = mail->body; *at; at++)
    g_string_append_printf(out, *at == '\n' ? "\r\n" : "%c", *at);
  g_string_append(out, "\r\n");
  return arena_strdup(arena, out->str);
}

static Error *
write_letter(Call *call, const SnsMailRecord *mail)
{
  g_autofree char *path = file_of(call->haar, OPT_OR(mail->number, 0)), *directory = g_path_get_dirname(path);
  g_autoptr(GError) error = NULL;
  if (g_mkdir_with_parents(directory, 0700) != 0)
    return error_fault("cannot make %s: %s", directory, g_strerror(errno));
  const char *text = letter(call->arena, mail);
  return g_file_set_contents_full(path, text, (gssize) strlen(text), G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error)
           ? NULL
           : error_fault("cannot write %s: %s", path, error->message);
}

/* --- the table --- */

static void
mail_key(gint64 number, Key *key)
{
  key_init(key);
  key_add_int(key, number);
}

static Error *
last_number(Call *call, gint64 *ret)
{
  g_autoptr(Cursor) cursor = NULL;
  *ret = 0;
  TRY(cursor_open(call->txn, &sns_mails, &(CursorOptions){.reverse = TRUE}, &cursor));
  if (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    key_read_int(&reader, ret);
  }
  return NULL;
}

static Error *
put(Call *call, gpointer data)
{
  SnsMailRecord *mail = data;
  gint64 last;
  Key key;
  TRY(last_number(call, &last));
  mail->number = OPT_INT(last + 1);
  mail_key(last + 1 - KEPT_MAX, &key);
  TRY(store_delete(call->txn, &sns_mails, &key, NULL));
  mail_key(last + 1, &key);
  return record_put(call->txn, &sns_mails, &key, &SnsMailRecord_shape, mail);
}

Error *
sns_mail(Call *call, SnsMailRecord *mail)
{
  mail->time = OPT_INT(clock_now());
  mail->type = mail->type ? mail->type : "text/plain";
  TRY(call_write(call, put, mail));
  g_autofree char *old = file_of(call->haar, mail->number.v - KEPT_MAX);
  remove(old);
  return write_letter(call, mail);
}

/* --- letters of SNS --- */

static const char *
confirmation_text(Call *call, const SnsDelivery *delivery, const char *link)
{
  return arena_printf(call->arena,
                      "You have chosen to subscribe to the topic:\n%s\n\nTo confirm this subscription, click or visit the link below (If this was in "
                      "error no action is necessary):\nConfirm subscription: %s\n\nPlease do not reply directly to this email. If you wish to remove "
                      "yourself from receiving all future SNS subscription confirmation requests please send an email to sns-opt-out",
                      sns_topic_arn(call, delivery->topic), link);
}

static const char *
notification_text(Call *call, const SnsDelivery *delivery, const char *link)
{
  return arena_printf(call->arena,
                      "%s\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:\n"
                      "%s\n\nPlease do not reply directly to this email. If you have any questions or comments regarding this email, please contact "
                      "us at https://aws.amazon.com/support",
                      sns_text_for(call, delivery->message, "email"), link);
}

Error *
sns_mail_delivery(const SnsDelivery *delivery)
{
  Call *call = delivery->call;
  const SnsSubscriptionRecord *subscription = delivery->subscription;
  gboolean notification = strcmp(delivery->kind, "Notification") == 0;
  const char *name = string_map_get(&delivery->topic->attributes, "DisplayName");
  const char *subject = delivery->message->subject ? delivery->message->subject : "AWS Notification Message";
  const char *arn = sns_topic_arn(call, delivery->topic);
  SnsMailRecord mail = {.kind = subscription->protocol, .to = subscription->endpoint, .topic = arn};
  mail.from = arena_printf(call->arena, "%s <%s>", header_text(call->arena, name && *name && !strpbrk(name, "<>\"@,;:") ? name : "AWS Notifications"), sender);
  mail.subject = notification ? subject : "AWS Notification - Subscription Confirmation";
  mail.link = notification ? sns_link(call, subscription, "Unsubscribe", arena_printf(call->arena, "SubscriptionArn=%s", sns_subscription_arn(call, subscription)))
                           : sns_link(call, subscription, "ConfirmSubscription", arena_printf(call->arena, "TopicArn=%s&Token=%s", arn, subscription->token));
  if (strcmp(subscription->protocol, "email-json") == 0) {
    char *text = NULL;
    TRY(sns_envelope(delivery, &text));
    mail.body = text;
    mail.type = "application/json";
  } else if (strcmp(subscription->protocol, "sms") == 0) {
    mail.body = sns_text_for(call, delivery->message, "sms");
    mail.link = NULL;
  } else {
    mail.body = notification ? notification_text(call, delivery, mail.link) : confirmation_text(call, delivery, mail.link);
  }
  return sns_mail(call, &mail);
}

/* --- for the CLI --- */

static Json *
describe(Call *call, const SnsMailRecord *mail, gboolean whole)
{
  Arena *arena = call->arena;
  Json *out = json_new_object(arena);
  g_autofree char *path = file_of(call->haar, OPT_OR(mail->number, 0));
  const char *const texts[][2] = {
      {"time", text_iso8601(arena, OPT_OR(mail->time, 0), FALSE)}, {"kind", mail->kind},   {"from", mail->from}, {"to", mail->to},
      {"subject", mail->subject},                                  {"topic", mail->topic}, {"link", mail->link}, {"file", path},
      {"body", whole ? mail->body : NULL},
  };
  json_set(arena, out, "number", json_new_int(arena, OPT_OR(mail->number, 0)));
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    if (texts[i][1])
      json_set(arena, out, texts[i][0], json_new_string(arena, texts[i][1]));
  return out;
}

static gint64
parameter(const Json *in, const char *name)
{
  const char *text = json_string(json_get(in, name));
  return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

typedef struct Listing {
  const Json *in;
  Json *out;
} Listing;

static Error *
list(Call *call, gpointer data)
{
  Listing *listing = data;
  Key from;
  g_autoptr(Cursor) cursor = NULL;
  Json *mails = json_new_array(call->arena);
  const char *whole = json_string(json_get(listing->in, "whole"));
  mail_key(parameter(listing->in, "after"), &from);
  TRY(cursor_open(call->txn, &sns_mails, &(CursorOptions){.from = &from, .after = TRUE}, &cursor));
  while (mails->n < PAGE && cursor_next(cursor)) {
    gsize size;
    void *mail = NULL;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &SnsMailRecord_shape, value, size, &mail));
    json_append(call->arena, mails, describe(call, mail, whole != NULL));
  }
  listing->out = json_new_object(call->arena);
  json_set(call->arena, listing->out, "mails", mails);
  json_set(call->arena, listing->out, "more", json_new_bool(call->arena, mails->n == PAGE));
  return NULL;
}

static Error *
get_mails(Call *call, const Json *in, Json **ret_out)
{
  Listing listing = {.in = in};
  TRY(call_read(call, list, &listing));
  *ret_out = listing.out;
  return NULL;
}

static Error *
read_one(Call *call, gpointer data)
{
  Listing *listing = data;
  Key key;
  void *mail = NULL;
  gint64 number = parameter(listing->in, "number");
  mail_key(number, &key);
  TRY(record_get(call->txn, &sns_mails, &key, &SnsMailRecord_shape, call->arena, &mail));
  if (!mail)
    return error_answer_status(404, "NotFound", "There is no letter %" G_GINT64_FORMAT " in the mailbox", number);
  listing->out = describe(call, mail, TRUE);
  return NULL;
}

static Error *
get_mail(Call *call, const Json *in, Json **ret_out)
{
  Listing listing = {.in = in};
  TRY(call_read(call, read_one, &listing));
  *ret_out = listing.out;
  return NULL;
}

void
sns_mail_register(Haar *haar)
{
  static const AdminRoute routes[] = {{"GET", "mails", get_mails}, {"GET", "mail", get_mail}};
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
}
