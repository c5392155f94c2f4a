/* A plain main for fuzz targets: runs LLVMFuzzerTestOneInput over each file of the folders and files given as arguments, and
 * over cheap mutations of them with a fixed seed, for at most a few seconds. A missing folder leaves the built-in inputs. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUTATIONS 400
#define RANDOM_INPUTS 200
#define BUDGET_US (5 * G_USEC_PER_SEC)
#define INPUT_MAX (256 * 1024)

typedef struct Corpus {
  GPtrArray *inputs; /* GBytes */
  GRand *random;
  gint64 end;
} Corpus;

/* The exact size on the heap, so that a sanitizer sees one byte too many. */
static void
run(const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = g_memdup2(size ? data : (const guint8 *) "", size ? size : 1);
  LLVMFuzzerTestOneInput(copy, size);
}

static void
load(Corpus *corpus, const char *path)
{
  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
      g_autofree char *below = g_build_filename(path, name, NULL);
      load(corpus, below);
    }
    return;
  }
  char *data;
  gsize size;
  if (g_file_get_contents(path, &data, &size, NULL))
    g_ptr_array_add(corpus->inputs, g_bytes_new_take(data, size));
}

static void
mutate_once(GRand *random, GByteArray *input)
{
  guint at = input->len ? (guint) g_rand_int_range(random, 0, (gint32) input->len) : 0;
  guint8 byte = (guint8) g_rand_int_range(random, 0, 256);
  switch (g_rand_int_range(random, 0, 6)) {
  case 0:
    g_byte_array_append(input, &byte, 1);
    break;
  case 1:
    if (input->len)
      g_byte_array_set_size(input, at);
    break;
  case 2:
    if (input->len) {
      guint some = (guint) g_rand_int_range(random, 1, 9);
      g_byte_array_remove_range(input, at, MIN(input->len - at, some));
    }
    break;
  case 3: /* a piece of itself again */
    if (input->len && input->len < INPUT_MAX) {
      g_autofree guint8 *piece = g_memdup2(input->data + at, input->len - at);
      g_byte_array_append(input, piece, input->len - at);
    }
    break;
  case 4:
    if (input->len)
      input->data[at] ^= (guint8) (1 << (byte & 7));
    break;
  default:
    if (input->len)
      input->data[at] = byte;
    break;
  }
}

static void
run_mutations(Corpus *corpus)
{
  for (guint i = 0; i < MUTATIONS * corpus->inputs->len && g_get_monotonic_time() < corpus->end; i++) {
    GBytes *seed = corpus->inputs->pdata[i % corpus->inputs->len];
    gsize size;
    const guint8 *data = g_bytes_get_data(seed, &size);
    if (size > INPUT_MAX)
      continue;
    g_autoptr(GByteArray) input = g_byte_array_new();
    g_byte_array_append(input, data, (guint) size);
    for (gint32 n = g_rand_int_range(corpus->random, 1, 5); n > 0; n--)
      mutate_once(corpus->random, input);
    run(input->data, input->len);
  }
}

static void
run_random(Corpus *corpus)
{
  run((const guint8 *) "", 0);
  for (guint i = 0; i < RANDOM_INPUTS && g_get_monotonic_time() < corpus->end; i++) {
    guint8 input[256];
    gsize size = (gsize) g_rand_int_range(corpus->random, 1, sizeof input);
    for (gsize j = 0; j < size; j++)
      input[j] = (guint8) (i % 2 ? g_rand_int_range(corpus->random, 32, 127) : g_rand_int_range(corpus->random, 0, 256));
    run(input, size);
  }
}

int
main(int argc, char **argv)
{
  g_autoptr(GPtrArray) inputs = g_ptr_array_new_with_free_func((GDestroyNotify) g_bytes_unref);
  g_autoptr(GRand) random = g_rand_new_with_seed(4566);
  Corpus corpus = { inputs, random, 0 };
  for (int i = 1; i < argc; i++)
    load(&corpus, argv[i]);
  for (guint i = 0; i < inputs->len; i++) {
    gsize size;
    const guint8 *data = g_bytes_get_data(inputs->pdata[i], &size);
    run(data, size);
  }
  corpus.end = g_get_monotonic_time() + BUDGET_US;
  if (inputs->len)
    run_mutations(&corpus);
  run_random(&corpus);
  printf("%u inputs and mutations of them: no crash\n", inputs->len);
  return 0;
}
