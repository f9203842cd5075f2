/** `namespace/name` on the command line. */
import { UsageError } from './output.ts';

/** What the argument is, in --help. */
export const CLUSTER_ARGUMENT = 'namespace/name of a ClusterDeployment, or of a CertificateRequest that stands alone';

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
      `"${text.slice(0, 200)}" does not name a cluster; expected namespace/name of its ClusterDeployment (or of a CertificateRequest that stands alone), such as uhc-production-1/demo`,
    );
  }
  return { namespace, name };
}
