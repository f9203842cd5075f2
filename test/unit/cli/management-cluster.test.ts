/** A command whose API server is that of another management cluster says what to do where it runs. */
import type { Client } from '@temporalio/client';
import { beforeEach, expect, test, vi } from 'vitest';
import { POD_CONTEXT } from '../../../src/cli/kubernetes-remedies.ts';
import { requireSameManagementCluster } from '../../../src/cli/management-cluster.ts';
import { CLUSTER_UID_MEMO } from '../../../src/contract/management-cluster-watch.ts';

let context: string;

vi.mock('../../../src/cli/kubernetes-client.ts', () => ({
  withKubernetes: () => Promise.resolve('uid of another'),
  apiServerOf: () => ({ context }),
}));
vi.mock('../../../src/payloads/data-converter.ts', () => ({ withTolerantMemos: (one: Client) => one }));

const described = { memo: { [CLUSTER_UID_MEMO]: 'uid' } };
const client = { workflow: { getHandle: () => ({ describe: () => Promise.resolve(described) }) } } as unknown as Client;

beforeEach(() => {
  context = 'prod';
});

test.each([
  [{}, 'the kubeconfig'],
  [{ context: 'prod', kubeconfig: '/k' }, 'context prod of the kubeconfig /k'],
])('with a kubeconfig (%j): another context', async (connection, given) => {
  await expect(requireSameManagementCluster(client, 'hive', connection)).rejects.toMatchObject({
    message: `The API server of ${given} is not the management cluster hive, whose workflows are in Temporal.`,
    info: { remedy: expect.stringMatching(/or name another context\.$/) as string },
  });
});

test('in a pod, which has no kubeconfig: a pod of that management cluster', async () => {
  context = POD_CONTEXT;
  const failure = requireSameManagementCluster(client, 'hive', {});
  await expect(failure).rejects.toMatchObject({
    message: 'The API server of this pod is not the management cluster hive, whose workflows are in Temporal.',
    info: {
      remedy: expect.stringMatching(/^Set CERTMAN_MANAGEMENT_CLUSTER .* or run the command in a pod of that/) as string,
    },
  });
});
