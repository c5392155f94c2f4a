#include "server/haar.h"

#include <string.h>

gpointer
haar_state(const Haar *haar, const char *service)
{
  return g_hash_table_lookup(haar->states, service);
}

void
haar_set_state(Haar *haar, const char *service, gpointer state)
{
  g_hash_table_insert(haar->states, (gpointer) g_intern_string(service), state);
}

const Service *
haar_service(const char *name)
{
  for (const Service *const *service = haar_services; *service; service++)
    if (strcmp((*service)->model->name, name) == 0)
      return *service;
  return NULL;
}

static int
compare_operation(const void *name, const void *row)
{
  return strcmp(name, (*(const Operation *const *) row)->name);
}

const Operation *
service_operation(const Service *service, const char *name)
{
  const Operation *const *found = bsearch(name, service->operations, service->n_operations, sizeof *service->operations, compare_operation);
  return found ? *found : NULL;
}

const Operation *
haar_operation(const char *service, const char *operation)
{
  const Service *found = haar_service(service);
  return found ? service_operation(found, operation) : NULL;
}
