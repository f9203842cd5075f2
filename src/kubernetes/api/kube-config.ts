/** Which API server, and as whom: a kubeconfig, or the ServiceAccount that the pod runs as. */
import { KubeConfig } from '@kubernetes/client-node';
import { CertmanError } from '../../failures/failure.ts';

/** What client-node makes up when it finds nothing at all. */
const DEFAULT_CONTEXT = 'loaded-context';

export interface KubeConfigSource {
  /** A kubeconfig file. Absent: KUBECONFIG, then ~/.kube/config, then the pod's ServiceAccount. */
  readonly path?: string;
  /** Absent: the file's current context. */
  readonly context?: string;
}

/**
 * The first source that is there. In a pod the token is read from its file again every minute, as the kubelet rotates it.
 * @throws CertmanError `configuration/invalid` when the source cannot be read or names no cluster.
 */
export function loadKubeConfig(source: KubeConfigSource = {}): KubeConfig {
  const config = new KubeConfig();
  const env = process.env['KUBECONFIG'];
  const from =
    source.path !== undefined
      ? `kubeconfig ${source.path}`
      : env !== undefined && env !== ''
        ? `KUBECONFIG (${env})`
        : '~/.kube/config or the ServiceAccount of the pod';
  try {
    if (source.path === undefined) config.loadFromDefault();
    else config.loadFromFile(source.path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw invalidKubeConfigError(`${from} could not be read: ${why.slice(0, 300)}.`, cause);
  }
  if (source.path === undefined && config.getCurrentContext() === DEFAULT_CONTEXT) {
    throw invalidKubeConfigError('there is no KUBECONFIG, no ~/.kube/config and no ServiceAccount of a pod.');
  }
  if (source.context !== undefined) {
    if (config.getContextObject(source.context) === null) {
      const known = config.contexts.map((context) => context.name).join(', ');
      throw invalidKubeConfigError(
        `${from} has no context ${source.context}; it has ${known === '' ? 'none' : known}.`,
      );
    }
    config.setCurrentContext(source.context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null || !URL.canParse(cluster.server)) {
    throw invalidKubeConfigError(
      `${from} names no API server for its context ${config.getCurrentContext() || '(none)'}.`,
    );
  }
  return config;
}

function invalidKubeConfigError(message: string, cause?: unknown): CertmanError {
  return new CertmanError({
    code: 'configuration/invalid',
    message: `The connection to the Kubernetes API is not configured: ${message}`,
    remedy: 'Set KUBECONFIG or pass a kubeconfig and a context, or run certman in a pod with a ServiceAccount.',
    ...(cause === undefined ? {} : { cause }),
  });
}
