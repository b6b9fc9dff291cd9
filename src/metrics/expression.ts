/**
 * Puts the name of its process to every series of a PromQL expression, and leaves out those of other processes. Series that
 * `memtool metrics` serves have a name and a pid; of those of prom-client's registry only `memtool_info` has the name, and the
 * instance tells which it is. This holds for both: a label that neither side has is equal.
 *
 * @param names what PromQL matches the name with, such as `{name=~"$name"}`
 */
export function withName(expression: string, names: string = ''): string {
  return `${expression} * on (job, instance, pid) group_left (name) memtool_info${names}`;
}
