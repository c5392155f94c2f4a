/* rules_groups: security groups as resources: cycles between them, and the default rule that a separate one takes away. */
#include "check/model.h"

#include "stack/graph.h"

#include <string.h>

/* "... between resources: [A, B]" -> A, B */
static void
cycle_names(Check *check, const char *message, StringList *ret_names)
{
  const char *open = strchr(message, '['), *close = open ? strchr(open, ']') : NULL;
  if (!close)
    return;
  g_autofree char *inside = g_strndup(open + 1, (gsize) (close - open) - 1);
  g_auto(GStrv) names = g_strsplit(inside, ", ", -1);
  for (char **name = names; *name; name++)
    words_add(check->arena, ret_names, arena_strdup(check->arena, *name));
}

/* The first inline rule of a group that names one of the others. */
static const Json *
rule_that_names(Check *check, const Item *group, const StringList *others, const char **ret_property, const char **ret_other)
{
  static const char *const properties[] = { "SecurityGroupIngress", "SecurityGroupEgress" };
  for (guint p = 0; p < G_N_ELEMENTS(properties); p++) {
    const Json *list = item_property(group, properties[p]);
    for (guint i = 0; i < list_n(list); i++) {
      const Json *rule = list_at(list, i), *peer = json_get(rule, p ? "DestinationSecurityGroupId" : "SourceSecurityGroupId");
      const Item *other = peer ? item_exactly(check, template_scalar(peer)) : NULL;
      if (other && string_list_has(others, other->id)) {
        *ret_property = properties[p];
        *ret_other = other->id;
        return rule;
      }
    }
  }
  return NULL;
}

static const char *
separate_rule(Check *check, const Item *group, const Json *rule, const char *property, const char *other)
{
  gboolean egress = strcmp(property, "SecurityGroupEgress") == 0;
  g_autoptr(GString) ports = g_string_new(NULL);
  const char *protocol = template_scalar(json_get(rule, "IpProtocol"));
  if (json_get(rule, "FromPort") && json_get(rule, "ToPort"))
    g_string_append_printf(ports, "\"FromPort\": %" G_GINT64_FORMAT ", \"ToPort\": %" G_GINT64_FORMAT ", ", json_number(json_get(rule, "FromPort"), 0),
                           json_number(json_get(rule, "ToPort"), 0));
  return arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::%s\", \"Properties\": {\"GroupId\": {\"Ref\": \"%s\"}, \"IpProtocol\": \"%s\", %s"
                      "\"%s\": {\"Ref\": \"%s\"}}}}", free_id(check, arena_printf(check->arena, "%s%s%s", group->id, egress ? "To" : "From", other)), property,
                      group->id, protocol ? protocol : "tcp", ports->str, egress ? "DestinationSecurityGroupId" : "SourceSecurityGroupId", other);
}

static void
tell_cycle(Check *check, const char *message)
{
  StringList names = { 0 };
  gboolean groups = TRUE;
  const char *property = NULL, *other = NULL;
  cycle_names(check, message, &names);
  const Item *first = names.n ? item_find(check, names.v[0]) : NULL;
  for (gsize i = 0; i < names.n; i++) {
    const Item *item = item_find(check, names.v[i]);
    groups = groups && item && strcmp(item->type, "AWS::EC2::SecurityGroup") == 0;
  }
  const Json *rule = groups && first ? rule_that_names(check, first, &names, &property, &other) : NULL;
  tell(check, &(Telling){ rule ? RULE_GROUP_CYCLE : RULE_CYCLE, CERTAINTY_CERTAIN, { first, rule },
    arena_printf(check->arena, "AWS refuses the template: %s", message),
    arena_printf(check->arena, "%s each need another of them to be there first", words(check->arena, &names)), "the references are in the template",
    rule ? separate_rule(check, first, rule, property, other) : NULL });
}

static void
check_cycles(Check *check)
{
  Json *resources = json_new_object(check->arena);
  for (guint i = 0; i < check->n_items; i++) {
    Json *pruned = NULL;
    check->eval.depth = 0;
    g_autoptr(Error) error = eval_prune(&check->eval, model_decided(check, check->items[i].resource), &pruned);
    if (!error && pruned)
      json_set(check->arena, resources, check->items[i].id, pruned);
  }
  Graph graph = { 0 };
  g_autoptr(Error) error = graph_build(check->arena, resources, &graph);
  if (error && strstr(error->message, "Circular dependency"))
    tell_cycle(check, arena_strdup(check->arena, error->message));
}

/* https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html; aws/aws-cdk issue 987 */
static void
check_replaced_egress(Check *check)
{
  StringList told = { 0 };
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::SecurityGroupEgress", &i)) != NULL;) {
    const Item *group = item_exactly(check, item_text(item, "GroupId"));
    if (!group || strcmp(group->type, "AWS::EC2::SecurityGroup") != 0 || item_property(group, "SecurityGroupEgress") ||
        string_list_has(&told, group->id) || g_strcmp0(item_text(item, "IpProtocol"), "-1") == 0)
      continue;
    words_add(check->arena, &told, group->id);
    tell(check, &(Telling){ RULE_EGRESS_REPLACED, CERTAINTY_LIKELY, { item, NULL },
      arena_printf(check->arena, "once %s is made, %s lets out only what its separate rules name: the default rule that allowed everything is gone",
                   item->id, group->id),
      arena_printf(check->arena, "%s names no SecurityGroupEgress, so that it begins with allow-all -> %s replaces it", group->id, item->id),
      "reported by many users of the CDK; AWS's pages do not say it in so many words. Inline egress makes it plain either way",
      arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"SecurityGroupEgress\": [{\"IpProtocol\": \"-1\", \"CidrIp\": \"0.0.0.0/0\"}]}}}", group->id) });
  }
}

void
rules_groups(Check *check)
{
  check_cycles(check);
  check_replaced_egress(check);
}
