/* template: the prepared data directory. mariadb-install-db takes a second or two; its result is kept in the data directory and copied for
 * each instance. */
#include "services/rds/rds.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((gsize) 1 << 20)

static Error *
write_all(int fd, const char *data, gsize size)
{
  while (size) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno != EINTR)
      return error_fault("writing: %s", g_strerror(errno));
    data += MAX(n, 0);
    size -= (gsize) MAX(n, 0);
  }
  return NULL;
}

/* Within the kernel, where both file systems can; else through a buffer. */
static Error *
copy_bytes(int from, int to)
{
  g_autofree char *buffer = NULL;
  ssize_t n;
  while ((n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
    ;
  if (!n)
    return NULL;
  if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    return error_fault("copying: %s", g_strerror(errno));
  buffer = g_malloc(COPY_BYTES);
  while ((n = read(from, buffer, COPY_BYTES)) > 0)
    TRY(write_all(to, buffer, (gsize) n));
  return n ? error_fault("reading: %s", g_strerror(errno)) : NULL;
}

static Error *
copy_file(const char *from, const char *to)
{
  int source = open(from, O_RDONLY | O_CLOEXEC), target = source < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  g_autoptr(Error) error = target < 0 ? error_fault("%s", g_strerror(errno)) : copy_bytes(source, target);
  if (source >= 0)
    close(source);
  if (target >= 0)
    close(target);
  return error ? error_fault("copying %s: %s", from, error->message) : NULL;
}

static Error *
copy_tree(const char *from, const char *to)
{
  g_autoptr(GError) error = NULL;
  if (g_mkdir_with_parents(to, 0700))
    return error_fault("making %s: %s", to, g_strerror(errno));
  g_autoptr(GDir) dir = g_dir_open(from, 0, &error);
  if (!dir)
    return error_fault("%s", error->message);
  for (const char *name; (name = g_dir_read_name(dir));) {
    g_autofree char *source = g_build_filename(from, name, NULL), *target = g_build_filename(to, name, NULL);
    if (g_file_test(source, G_FILE_TEST_IS_SYMLINK))
      continue;
    TRY(g_file_test(source, G_FILE_TEST_IS_DIR) ? copy_tree(source, target) : copy_file(source, target));
  }
  return NULL;
}

/* The engine's sandbox sees the machine's /usr, so that the server has to be where Debian puts it. */
Error *
template_check(void)
{
  g_autofree char *program = g_find_program_in_path("mariadb-install-db");
  if (program && g_file_test("/usr/sbin/mariadbd", G_FILE_TEST_IS_EXECUTABLE))
    return NULL;
  return error_answer("InsufficientDBInstanceCapacity",
                      "This machine has no MariaDB server, which runs Aurora MySQL here (no %s). Install it (`apt-get install mariadb-server`), then "
                      "create the instance again.", program ? "/usr/sbin/mariadbd" : "mariadb-install-db on haar's PATH");
}

static Error *
install(const char *directory)
{
  g_autofree char *program = g_find_program_in_path("mariadb-install-db"), *datadir = g_strconcat("--datadir=", directory, NULL);
  g_autofree char *output = NULL, *errors = NULL, *user = g_strconcat("--user=", g_get_user_name(), NULL);
  g_autoptr(GError) error = NULL;
  int status = 0;
  const char *argv[] = {program, "--no-defaults", datadir, user, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
                        "--innodb-data-file-path=ibdata1:4M:autoextend", "--innodb-autoextend-increment=1", "--innodb-log-file-size=4M",
                        "--innodb-flush-method=nosync", "--skip-log-bin", NULL};
  if (!g_spawn_sync("/", (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, &errors, &status, &error) ||
      !g_spawn_check_wait_status(status, &error))
    return error_fault("mariadb-install-db: %s: %s%s", error->message, output ? output : "", errors ? errors : "");
  return NULL;
}

void
directory_remove(const char *path)
{
  const char *argv[] = {"/bin/rm", "-rf", "--", path, NULL};
  g_spawn_sync("/", (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, NULL, NULL);
}

Error *
volume_copy(const char *from, const char *to)
{
  g_autofree char *source = g_build_filename(from, "data", NULL), *target = g_build_filename(to, "data", NULL);
  return g_file_test(source, G_FILE_TEST_IS_DIR) ? copy_tree(source, target) : NULL;
}

gboolean
volume_move(const char *from, const char *to)
{
  g_autofree char *source = g_build_filename(from, "data", NULL), *target = g_build_filename(to, "data", NULL);
  if (!g_file_test(source, G_FILE_TEST_IS_DIR) || g_mkdir_with_parents(to, 0700))
    return FALSE;
  directory_remove(target);
  return g_rename(source, target) == 0;
}

/* Made under another name and renamed when whole, so that a kill leaves no half of one. */
static Error *
make_template(const char *path)
{
  g_autofree char *making = g_strconcat(path, ".new", NULL);
  directory_remove(making);
  if (g_mkdir_with_parents(making, 0700))
    return error_fault("making %s: %s", making, g_strerror(errno));
  TRY(install(making));
  if (g_rename(making, path))
    return error_fault("renaming %s: %s", making, g_strerror(errno));
  return NULL;
}

Error *
template_copy(Haar *haar, const char *directory)
{
  g_autofree char *path = g_build_filename(haar->data_directory, "rds", "template", NULL);
  g_autofree char *data = g_build_filename(directory, "data", NULL);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_template_mutex(haar)); /* the first makes it, the others wait */
  g_autofree char *parent = g_path_get_dirname(path);
  if (g_mkdir_with_parents(parent, 0700))
    return error_fault("making %s: %s", parent, g_strerror(errno));
  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    TRY(make_template(path));
  g_clear_pointer(&locker, g_mutex_locker_free);
  return copy_tree(path, data);
}
