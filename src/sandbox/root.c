#include "sandbox/root.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "wire/value.h"

static const gint64 default_tmp = 64 << 20;

static void
add(Arena *arena, RootMounts *mounts, LaunchMountKind kind, const char *source, const char *target)
{
  LaunchMount mount = {.kind = kind, .source = source, .target = target, .read_only = TRUE, .optional = TRUE};
  LIST_APPEND(arena, mounts, mount);
}

static void
add_file(Arena *arena, RootMounts *mounts, const char *target, const char *content)
{
  LaunchMount mount = {.kind = LAUNCH_MOUNT_FILE, .target = target, .content = content};
  LIST_APPEND(arena, mounts, mount);
}

/* Programs and libraries; on a merged-/usr machine /bin and the like are links. */
static void
add_programs(Arena *arena, RootMounts *mounts)
{
  static const char *const directories[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
  add(arena, mounts, LAUNCH_MOUNT_BIND, "/usr", "/usr");
  for (gsize i = 0; i < G_N_ELEMENTS(directories); i++) {
    char link[256] = {0};
    if (readlink(directories[i], link, sizeof link - 1) > 0)
      add(arena, mounts, LAUNCH_MOUNT_LINK, arena_strdup(arena, link), directories[i]);
    else
      add(arena, mounts, LAUNCH_MOUNT_BIND, directories[i], directories[i]);
  }
}

/* /etc/python3.11 and the like: the interpreter's site files are links into them. */
static void
add_python(Arena *arena, RootMounts *mounts)
{
  g_autoptr(GDir) etc = g_dir_open("/etc", 0, NULL);
  for (const char *name = etc ? g_dir_read_name(etc) : NULL; name; name = g_dir_read_name(etc))
    if (g_str_has_prefix(name, "python3")) {
      const char *path = arena_printf(arena, "/etc/%s", name);
      add(arena, mounts, LAUNCH_MOUNT_BIND, path, path);
    }
}

static void
add_certificates(Arena *arena, RootMounts *mounts, const char *ca_path)
{
  static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"};
  if (!ca_path) {
    add(arena, mounts, LAUNCH_MOUNT_BIND, "/etc/ssl/certs", "/etc/ssl/certs");
    return;
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bundles); i++)
    add(arena, mounts, LAUNCH_MOUNT_BIND, ca_path, bundles[i]);
}

static void
add_etc(Arena *arena, RootMounts *mounts, const SandboxSpec *spec, gint64 uid, gint64 gid)
{
  static const char *const shared[] = {
    "/etc/ld.so.cache", "/etc/ld.so.conf",  "/etc/ld.so.conf.d", "/etc/localtime", "/etc/alternatives",
    "/etc/services",    "/etc/protocols", "/etc/mime.types", "/etc/openssl", "/etc/ssl/openssl.cnf"};
  const char *user = spec->user ? spec->user : "sbx_user1051";
  for (gsize i = 0; i < G_N_ELEMENTS(shared); i++)
    add(arena, mounts, LAUNCH_MOUNT_BIND, shared[i], shared[i]);
  add_python(arena, mounts);
  add_certificates(arena, mounts, spec->ca_path);
  const char *root_line = uid == 0 ? "" : "root:x:0:0:root:/root:/sbin/nologin\n";
  add_file(arena, mounts, "/etc/passwd",
           arena_printf(arena, "%s%s:x:%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT "::/tmp:/sbin/nologin\n", root_line, user, uid, gid));
  add_file(arena, mounts, "/etc/group", arena_printf(arena, "%s%s:x:%" G_GINT64_FORMAT ":\n", gid == 0 ? "" : "root:x:0:\n", user, gid));
  add_file(arena, mounts, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n");
  add_file(arena, mounts, "/etc/resolv.conf", spec->resolv_conf ? spec->resolv_conf : "");
  add_file(arena, mounts, "/etc/hosts",
           arena_printf(arena, "127.0.0.1 localhost localhost.localdomain\n%s", spec->hosts ? spec->hosts : ""));
}

void
root_mounts(Arena *arena, const SandboxSpec *spec, gint64 uid, gint64 gid, RootMounts *ret)
{
  add_programs(arena, ret);
  add_etc(arena, ret, spec, uid, gid);
  add(arena, ret, LAUNCH_MOUNT_PROC, NULL, "/proc");
  add(arena, ret, LAUNCH_MOUNT_DEV, NULL, "/dev");
  LaunchMount tmp = {.kind = LAUNCH_MOUNT_TMPFS, .target = "/tmp", .size = spec->tmp_size ? spec->tmp_size : default_tmp};
  LIST_APPEND(arena, ret, tmp);
  for (gsize i = 0; i < spec->n_files; i++)
    add_file(arena, ret, spec->files[i].path, spec->files[i].text);
  for (gsize i = 0; i < spec->n_mounts; i++) {
    const SandboxMount *mount = &spec->mounts[i];
    LaunchMount bind = {.kind = LAUNCH_MOUNT_BIND, .source = mount->source, .target = mount->target, .read_only = !mount->writable};
    LIST_APPEND(arena, ret, bind);
  }
}
