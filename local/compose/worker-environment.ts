import { openStack } from '../stack/stack.ts';
import { ENDPOINTS, FILES } from './endpoints.ts';

/** Variables of the worker: those of the native stack, as the ServiceAccount that deploy/ gives it. */
export function workerEnvironment(): Readonly<Record<string, string>> {
  return {
    ...openStack(ENDPOINTS).environment(),
    KUBECONFIG: FILES.certmanKubeconfig,
    CERTMAN_EXTRA_RECORD: 'rh-api',
  };
}
