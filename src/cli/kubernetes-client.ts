import { loadSettings } from '../configuration/load-configuration.ts';
import { KubernetesClient } from '../kubernetes/api/client.ts';
import { loadKubeConfig } from '../kubernetes/api/kube-config.ts';
import type { KubeConnection } from './kubectl-options.ts';
import { POD_CONTEXT, withRemedyForPeople } from './kubernetes-remedies.ts';

/** kubectl's, where the context names none. */
const DEFAULT_NAMESPACE = 'default';

/** Connects to the API server of the kubeconfig, for the duration of `work`. @param signal ends its requests. @throws what `work` throws, of the API server with what to do here. */
export async function withKubernetes<Result>(
  work: (kubernetes: KubernetesClient) => Promise<Result>,
  connection: KubeConnection = {},
  signal?: AbortSignal,
): Promise<Result> {
  const kubernetes = openKubernetes(connection, signal);
  try {
    return await work(kubernetes);
  } catch (error) {
    throw withRemedyForPeople(error, apiServerOf(connection).context);
  } finally {
    await kubernetes.close();
  }
}

/** A client of that API server, which the caller closes. @throws CertmanError `configuration/invalid` without a kubeconfig. */
export function openKubernetes(connection: KubeConnection = {}, signal?: AbortSignal): KubernetesClient {
  const { watchNamespaces: namespaces } = loadSettings(process.env, ['watchNamespaces']);
  return new KubernetesClient(load(connection), { namespaces, signal });
}

/** The namespace of the context, as kubectl has it. @throws CertmanError `configuration/invalid` without a kubeconfig. */
export function readContextNamespace(connection: KubeConnection): string {
  const config = load(connection);
  return config.getContextObject(config.getCurrentContext())?.namespace ?? DEFAULT_NAMESPACE;
}

/** For people: which API server it is, and by which context, but in a pod, which has none. */
export function apiServerOf(connection: KubeConnection): { readonly context: string; readonly text: string } {
  const config = load(connection);
  const context = config.getCurrentContext();
  const server = config.getCurrentCluster()?.server ?? '';
  return { context, text: context === POD_CONTEXT ? server : `${server} (context ${context})` };
}

function load({ kubeconfig, context }: KubeConnection) {
  return loadKubeConfig({ path: kubeconfig, context });
}
