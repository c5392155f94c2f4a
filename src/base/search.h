/* search: places in sorted arrays. */
#pragma once

#include <glib.h>

/* The first place of n at which before(at, data) is FALSE, as it is at all later ones; n: there is none. Any thread. */
static inline gsize
search_first(gsize n, gboolean (*before)(gsize at, gconstpointer data), gconstpointer data)
{
  gsize low = 0, high = n;
  while (low < high) {
    gsize middle = low + (high - low) / 2;
    if (before(middle, data))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
