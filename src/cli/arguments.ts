import { CertmanError } from '../failures/failure.ts';

/** Description of a cluster argument, for --help. */
export const CLUSTER_ARGUMENT = 'namespace/name of a ClusterDeployment or of a standalone CertificateRequest';

/** Wrong use of the command line. */
export class UsageError extends CertmanError {
  constructor(message: string) {
    super({ code: 'configuration/invalid', message });
  }
}

/** A ClusterDeployment or a standalone CertificateRequest. */
export interface ClusterName {
  readonly namespace: string;
  readonly name: string;
}

const NAME = '[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?';
const CLUSTER = new RegExp(`^(${NAME})/(${NAME})$`);

/** Parses `namespace/name`. @throws UsageError when the text has another form. */
export function parseClusterName(text: string): ClusterName {
  const [, namespace, , name] = CLUSTER.exec(text) ?? [];
  if (namespace === undefined || name === undefined) {
    throw new UsageError(
      `"${text.slice(0, 200)}" does not name a cluster; expected namespace/name of its ClusterDeployment (or of a standalone CertificateRequest), such as uhc-production-1/demo`,
    );
  }
  return { namespace, name };
}
