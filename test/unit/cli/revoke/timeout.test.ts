/** `--timeout` bounds every wait of the command, and the person sees what was waited for. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import proto from '@temporalio/proto';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../../../local/stack/process/ports.ts';
import type { KubeConnection } from '../../../../src/cli/kubectl-options.ts';
import { clusterOfSerial } from '../../../../src/cli/revoke/find-by-serial.ts';
import { revokeOne } from '../../../../src/cli/revoke/revoke.ts';
import { TimeBound } from '../../../../src/cli/time-bound.ts';
import { CLUSTER_UID_MEMO } from '../../../../src/contract/management-cluster-watch.ts';
import { type FakeFrontend, respond, startFakeFrontend } from '../../../support/faults/fake-frontend.ts';

const OPTIONS = { reason: 'superseded', wait: true, timeout: '1s', yes: true } as const;
const findCluster = async () => ({ namespace: 'ns', name: 'c1' });

/** It describes the workflow of the watch, and answers nothing else. */
let frontend: FakeFrontend;
beforeEach(async () => {
  frontend = await startFakeFrontend({ DescribeWorkflowExecution: respond(describedWatch()) });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await frontend.close();
});

function describedWatch(): Uint8Array {
  const { DescribeWorkflowExecutionResponse } = proto.temporal.api.workflowservice.v1;
  const uid = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"uid"') };
  return DescribeWorkflowExecutionResponse.encode({
    workflowExecutionInfo: {
      execution: { workflowId: 'watch/hive', runId: 'run' },
      type: { name: 'managementClusterWatch' },
      status: proto.temporal.api.enums.v1.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING,
      startTime: {},
      memo: { fields: { [CLUSTER_UID_MEMO]: uid } },
    },
  }).finish();
}

test.each([
  ['that accepts requests and never answers', () => Promise.resolve(frontend.address)],
  ['that refuses connections', async () => `127.0.0.1:${await freePort()}`],
])('at a Temporal %s, --timeout ends the command', async (_what, addressOf) => {
  vi.stubEnv('TEMPORAL_ADDRESS', await addressOf());
  await expect(revokeOne(findCluster, OPTIONS)).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message: expect.stringMatching(
      /^Temporal( at 127\.0\.0\.1:\d+)? does not respond(: connect ECONNREFUSED [\d.:]+)?\. Nothing was requested: the time of --timeout \(1s\) is over\.$/,
    ),
    info: { remedy: expect.stringContaining('doctor') },
  });
});

test.each([
  ['which management cluster it is of', () => findCluster],
  [
    'which cluster has a serial number',
    (connection: KubeConnection) => (bound: TimeBound) => clusterOfSerial('123', connection, bound),
  ],
])('where an API server does not answer %s, --timeout ends the command', async (_what, findBy) => {
  vi.stubEnv('TEMPORAL_ADDRESS', frontend.address);
  const folder = await mkdtemp(join(tmpdir(), 'certman-kubeconfig-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const over = new AbortController();
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(over.signal);
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
    timeout.mockRestore();
  });
  const apiServer = createHttpServer(() => {
    vi.setSystemTime(Date.now() + 1_800_000);
    over.abort(new DOMException('The time is over', 'TimeoutError'));
  });
  onTestFinished(() => apiServer.closeAllConnections());
  onTestFinished(() => void apiServer.close());
  apiServer.listen(0, '127.0.0.1');
  await once(apiServer, 'listening');
  const kubeconfig = join(folder, 'kubeconfig');
  const url = `http://127.0.0.1:${(apiServer.address() as AddressInfo).port}`;
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(url)));
  const options = { ...OPTIONS, timeout: '30m', kubeconfig };
  await expect(revokeOne(findBy(options), options)).rejects.toMatchObject({
    code: 'kubernetes/unreachable',
    message: 'The API server does not respond. Nothing was requested: the time of --timeout (30m) is over.',
    info: { remedy: expect.stringContaining('doctor') },
  });
  expect(timeout).toHaveBeenCalledOnce();
  expect(timeout.mock.calls[0]?.[0]).toBeLessThanOrEqual(1_800_000);
});

const kubeconfigOf = (url: string) => ({
  'current-context': 'prod',
  contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'me' } }],
  clusters: [{ name: 'prod', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
  users: [{ name: 'me', user: { token: 'token' } }],
});

test('the time of a command does not pass while the person is asked', async () => {
  const bound = new TimeBound(60_000);
  const { until } = bound;
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    await bound.excluding(async () => void vi.setSystemTime(Date.now() + 3_600_000));
  } finally {
    vi.useRealTimers();
  }
  expect(bound.until - until).toBeGreaterThanOrEqual(3_600_000);
});
