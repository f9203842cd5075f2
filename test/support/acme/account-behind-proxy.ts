import type { ManagementCluster } from '../../../local/stack/management-cluster/management-cluster.ts';
import type { Stack } from '../../../local/stack/stack.ts';

/** Pebble holds an account's URL to the host that it was called by: for workers that reach the CA by another URL than the stack's. */
export async function useAccountBehindProxy(
  ca: { readonly url: string },
  stack: Stack,
  hub: ManagementCluster,
): Promise<void> {
  const accountUrl = `${ca.url}${new URL(hub.accountUrl).pathname}`;
  const patch = JSON.stringify({ stringData: { 'account-url': accountUrl } });
  await stack.kubectl([
    'patch',
    'secret',
    'lets-encrypt-account',
    '-n',
    'certman-operator',
    '--type=merge',
    '-p',
    patch,
  ]);
}
