/* The flow, with the world played by the test: what is booked once, and what a failure at each step leaves behind. */
#include "payment.h"

#include <glib.h>
#include <string.h>

typedef struct World {
  char *status, *answer, *payment_id, *fingerprint; /* the session; NULL: none */
  int booked;         /* committed */
  gboolean open;      /* a booking is in a transaction */
  gboolean log;       /* the object is there */
  const char *broken; /* the port that fails, or NULL */
} World;

static const Failure *
broken(Ports *ports, Arena *arena, const char *name)
{
  World *world = ports->data;
  return g_strcmp0(world->broken, name) == 0 ? failure_new(arena, 502, true, "Broken", "%s", name) : NULL;
}

static const Failure *
fake_begin(Ports *ports, Arena *arena, const Payment *payment, Session *session)
{
  World *world = ports->data;
  TRY(broken(ports, arena, "begin"));
  session->replay = world->status != NULL;
  if (!world->status) {
    world->status = g_strdup("processing");
    world->payment_id = g_strdup(session->payment_id);
    world->fingerprint = g_strdup(payment->fingerprint);
  }
  session->status = world->status;
  session->payment_id = world->payment_id;
  session->fingerprint = world->fingerprint;
  session->answer = world->answer;
  return NULL;
}

static void
set(char **place, const char *value)
{
  g_free(*place);
  *place = g_strdup(value);
}

static const Failure *
fake_complete(Ports *ports, Arena *arena, const Payment *payment, const char *log_key, const char *answer)
{
  World *world = ports->data;
  TRY(broken(ports, arena, "complete"));
  set(&world->status, "completed");
  set(&world->answer, answer);
  return NULL;
}

static const Failure *
fake_fail(Ports *ports, Arena *arena, const Payment *payment, const Failure *why)
{
  set(&((World *) ports->data)->status, "failed");
  return NULL;
}

static const Failure *
fake_book(Ports *ports, Arena *arena, const Payment *payment, const Session *session, bool *ret_existing)
{
  World *world = ports->data;
  TRY(broken(ports, arena, "book"));
  *ret_existing = world->booked > 0;
  world->open = !*ret_existing;
  return NULL;
}

static const Failure *
fake_commit(Ports *ports, Arena *arena, const Payment *payment)
{
  World *world = ports->data;
  world->open = FALSE;
  TRY(broken(ports, arena, "commit"));
  world->booked++;
  return NULL;
}

static void
fake_rollback(Ports *ports)
{
  ((World *) ports->data)->open = FALSE;
}

static const Failure *
fake_log_put(Ports *ports, Arena *arena, const char *key, const char *body)
{
  TRY(broken(ports, arena, "log"));
  g_assert_true(g_str_has_prefix(key, "transactions/2026/11/23/"));
  ((World *) ports->data)->log = TRUE;
  return NULL;
}

static const Failure *
fake_log_delete(Ports *ports, Arena *arena, const char *key)
{
  ((World *) ports->data)->log = FALSE;
  return NULL;
}

static const Failure *
run(World *world, Arena *arena, int64_t minor, const char *id, PaymentAnswer *answer)
{
  Ports ports = {world, fake_begin, fake_complete, fake_fail, fake_book, fake_commit, fake_rollback, fake_log_put, fake_log_delete};
  Payment payment = {.idempotency_key = "k", .user_id = "u", .session_id = "u:k", .minor = minor, .currency = "EUR", .method = "account",
                     .fingerprint = arena_printf(arena, "%d", (int) minor)};
  *answer = (PaymentAnswer){0};
  return payment_run(&ports, arena, &payment, "logs", id, "2026-11-23T23:30:00.123Z", answer);
}

static void
world_clear(World *world)
{
  g_free(world->status);
  g_free(world->answer);
  g_free(world->payment_id);
  g_free(world->fingerprint);
}

static void
test_twice_is_booked_once(void)
{
  World world = {0};
  PaymentAnswer first, second;
  Arena *arena = arena_new();
  g_assert_null(run(&world, arena, 100, "id-1", &first));
  g_assert_null(run(&world, arena, 100, "id-2", &second));
  g_assert_cmpint(world.booked, ==, 1);
  g_assert_cmpstr(first.body, ==, second.body);
  g_assert_false(first.replayed);
  g_assert_true(second.replayed);
  g_assert_cmpstr(first.body, ==,
                  "{\"paymentId\":\"id-1\",\"sessionId\":\"u:k\",\"userId\":\"u\",\"amount\":\"1.00\",\"currency\":\"EUR\",\"method\":\"account\","
                  "\"createdAt\":\"2026-11-23T23:30:00.123Z\",\"status\":\"completed\",\"transactionLog\":\"s3://logs/transactions/2026/11/23/id-1.json\"}");
  arena_free(arena);
  world_clear(&world);
}

static void
test_key_of_another_payment(void)
{
  World world = {0};
  PaymentAnswer answer;
  Arena *arena = arena_new();
  g_assert_null(run(&world, arena, 100, "id-1", &answer));
  const Failure *failure = run(&world, arena, 200, "id-2", &answer);
  g_assert_cmpint(failure->status, ==, 422);
  g_assert_cmpstr(failure->code, ==, "IdempotencyKeyReused");
  g_assert_cmpint(world.booked, ==, 1);
  g_assert_cmpstr(world.status, ==, "completed");
  arena_free(arena);
  world_clear(&world);
}

/* Each step fails once; then the same request is sent again. */
static void
test_failure_and_retry(void)
{
  static const struct {
    const char *step, *status;
    int booked;
  } cases[] = {{"begin", NULL, 0}, {"book", "failed", 0}, {"log", "failed", 0}, {"commit", "failed", 0}, {"complete", "processing", 1}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    World world = {.broken = cases[i].step};
    PaymentAnswer answer;
    Arena *arena = arena_new();
    const Failure *failure = run(&world, arena, 100, "id-1", &answer);
    g_assert_cmpstr(failure->code, ==, "Broken");
    g_assert_cmpstr(world.status, ==, cases[i].status);
    g_assert_cmpint(world.booked, ==, cases[i].booked);
    g_assert_false(world.open);
    g_assert_cmpint(world.log, ==, cases[i].booked);
    world.broken = NULL;
    g_assert_null(run(&world, arena, 100, "id-2", &answer));
    g_assert_cmpint(world.booked, ==, 1);
    g_assert_cmpstr(world.status, ==, "completed");
    g_assert_true(world.log);
    g_assert_cmpstr(answer.payment_id, ==, i == 0 ? "id-2" : "id-1");
    arena_free(arena);
    world_clear(&world);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/payment/twice-is-booked-once", test_twice_is_booked_once);
  g_test_add_func("/payment/key-of-another-payment", test_key_of_another_payment);
  g_test_add_func("/payment/failure-and-retry", test_failure_and_retry);
  return g_test_run();
}
