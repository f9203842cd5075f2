import type { ManagementCluster } from '../../../local/stack/management-cluster/management-cluster.ts';
import type { Stack } from '../../../local/stack/stack.ts';

/** The account URL for workers that reach Pebble by another URL than the stack's: Pebble checks its host. */
export async function useAccountBehindProxy(
  ca: { readonly url: string },
  stack: Stack,
  managementCluster: ManagementCluster,
): Promise<void> {
  const accountUrl = `${ca.url}${new URL(managementCluster.accountUrl).pathname}`;
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
