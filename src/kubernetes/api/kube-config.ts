import { KubeConfig } from '@kubernetes/client-node';
import { CertmanError } from '../../failures/failure.ts';

/** Name of client-node's context when it finds no configuration at all. */
const EMPTY_CONTEXT = 'loaded-context';

const OF_THE_FILE =
  'Correct the file, or name the right one by KUBECONFIG (of a command also by --kubeconfig, and its context by --context).';

/**
 * Loads a kubeconfig.
 * @param source `path` absent: KUBECONFIG, then ~/.kube/config, then the pod's ServiceAccount, the first that exists;
 * `context` absent: the file's current context.
 * @throws CertmanError `configuration/invalid` when unreadable or incomplete.
 */
export function loadKubeConfig({ path, context }: { path?: string; context?: string } = {}): KubeConfig {
  const config = new KubeConfig();
  const env = process.env['KUBECONFIG'];
  const defaultSource = env ? `KUBECONFIG (${env})` : '~/.kube/config or the ServiceAccount of the pod';
  const from = path === undefined ? defaultSource : `kubeconfig ${path}`;
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw invalidKubeConfigError(`${from} could not be read: ${why.slice(0, 300)}.`, OF_THE_FILE, cause);
  }
  if (path === undefined && config.getCurrentContext() === EMPTY_CONTEXT) {
    throw invalidKubeConfigError(
      'there is no KUBECONFIG, no ~/.kube/config and no ServiceAccount of a pod.',
      'Set KUBECONFIG to the kubeconfig of the management cluster (of a command also --kubeconfig), or run certman in a pod with a ServiceAccount.',
    );
  }
  if (context !== undefined) {
    if (config.getContextObject(context) === null) {
      const known = config.contexts.map(({ name }) => name).join(', ') || 'none';
      throw invalidKubeConfigError(
        `${from} has no context ${context}; it has ${known}.`,
        'Name one of these with --context.',
      );
    }
    config.setCurrentContext(context);
  }
  if (!URL.canParse(config.getCurrentCluster()?.server ?? '')) {
    const current = config.getCurrentContext() || '(none)';
    throw invalidKubeConfigError(`${from} names no API server for its context ${current}.`, OF_THE_FILE);
  }
  return config;
}

function invalidKubeConfigError(message: string, remedy: string, cause?: unknown): CertmanError {
  return new CertmanError({
    code: 'configuration/invalid',
    message: `The connection to the Kubernetes API is not configured: ${message}`,
    remedy,
    cause,
  });
}
