/** `namespace/name` on the command line. */
import { UsageError } from './output.ts';

export interface ClusterName {
  readonly namespace: string;
  readonly name: string;
}

const NAME = '[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?';
const CLUSTER = new RegExp(`^(${NAME})/(${NAME})$`);

/** @throws UsageError when it has another form. */
export function parseClusterName(text: string): ClusterName {
  const match = CLUSTER.exec(text);
  const [, namespace, , name] = match ?? [];
  if (namespace === undefined || name === undefined) {
    throw new UsageError(
      `"${text.slice(0, 200)}" does not name a cluster; expected namespace/name of its ClusterDeployment, such as uhc-production-1/demo`,
    );
  }
  return { namespace, name };
}
