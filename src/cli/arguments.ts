import { CertmanError } from '../failures/failure.ts';
import type { KubeConnection, NamespaceOptions } from './kubectl-options.ts';

/** Description of a cluster argument, for --help. */
export const CLUSTER_ARGUMENT =
  'name of a ClusterDeployment or of a standalone CertificateRequest, or <namespace>/<name>';

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
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Parses `namespace/name`. @param given what the user wrote. @throws UsageError when the text has another form. */
export function parseClusterName(text: string, given = text): ClusterName {
  const [, namespace, , name] = CLUSTER.exec(text) ?? [];
  if (namespace === undefined || name === undefined) {
    throw new UsageError(
      `"${given.slice(0, 200)}" does not name a cluster; expected the name of its ClusterDeployment (or of a standalone CertificateRequest) with -n <namespace>, or namespace/name, such as uhc-production-1/demo`,
    );
  }
  return { namespace, name };
}

/** Parses `-n`. @throws UsageError */
export function parseNamespace(text: string): string {
  if (NAMESPACE.test(text)) return text;
  throw new UsageError(`--namespace is "${text.slice(0, 200)}"; expected the name of a namespace`);
}

/**
 * The cluster that a command names: `namespace/name`, or a name in the namespace of `-n`, else of the context.
 * @throws UsageError; for a name alone, also where there is no kubeconfig that says the namespace.
 */
export async function resolveClusterName(text: string, options: NamespaceOptions): Promise<ClusterName> {
  const namespace = options.namespace === undefined ? undefined : parseNamespace(options.namespace);
  if (text.includes('/')) {
    const cluster = parseClusterName(text);
    if (namespace === undefined || namespace === cluster.namespace) return cluster;
    throw new UsageError(`${text} is in the namespace ${cluster.namespace}, but -n says ${namespace}`);
  }
  // Wrong text is no reason to read a kubeconfig.
  parseClusterName(`x/${text}`, text);
  return parseClusterName(`${namespace ?? (await namespaceOfContext(text, options))}/${text}`);
}

async function namespaceOfContext(name: string, connection: KubeConnection): Promise<string> {
  const { readContextNamespace } = await import('./kubernetes-client.ts');
  try {
    return readContextNamespace(connection);
  } catch (error) {
    const why = error instanceof Error ? ` (${error.message})` : '';
    throw new UsageError(
      `"${name}" does not say in which namespace, and no context does${why}; expected -n <namespace>, or namespace/name`,
    );
  }
}
