/** The program as the image has it: one worker takes a cluster from its first certificate to its deletion, traced. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildProgram } from '../../../local/image/built-program.ts';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { activitiesOf, expectDecommissioned, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../support/tracing/otlp-receiver.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const lab = useE2eHarness({ worker: false });
let folder: string;
let program: string;
let collector: OtlpReceiver;

beforeAll(async () => {
  collector = await startOtlpReceiver();
  folder = await mkdtemp(join(tmpdir(), 'certman-built-program-'));
  program = await buildProgram(folder);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await collector.close();
});

test('it issues, shows and revokes a certificate, with nothing but its own files and the trimmed Temporal SDK', async () => {
  // Without the setting, the workflow code is what is beside the program.
  await lab().startWorker({
    program,
    environment: { CERTMAN_WORKFLOW_BUNDLE: undefined, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
  });
  const cluster = await createCluster(lab(), 'built');
  const { serialNumber } = await waitUntilCertified(lab(), cluster);
  const env = { ...process.env, ...lab().commandEnvironment() };
  // It lists what Temporal's visibility has, which follows.
  await waitFor('the cluster is listed as Ready', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'status'], { env });
    return new RegExp(`^${cluster.namespace}/${cluster.name} +Ready `, 'm').test(stdout) ? {} : stdout;
  });
  await expectTraced(cluster);
  await deleteCluster(lab(), cluster);
  await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
});

/** Of no other kind: attributes have nothing of what is sent. */
const ATTRIBUTES = [
  'certman.bundle',
  'certman.cluster',
  'error.type',
  'http.request.method',
  'http.response.status_code',
  'server.address',
  'server.port',
  'temporal.activity.attempt',
  'temporalActivityID',
  'temporalRunID',
  'temporalWorkflowID',
];

/** One trace, by the id of the workflow's run, has the issuance, its activities and their requests to every outside system. */
async function expectTraced(cluster: E2eCluster): Promise<void> {
  const workflowId = issuanceWorkflowId(cluster.identity, cluster.bundleName, 1);
  const handle = lab().client.workflow.getHandle(workflowId);
  const { runId } = await handle.describe();
  const activities = (await activitiesOf(lab(), workflowId)).map(({ type }) => `RunActivity:${type}`);
  expect(activities).toContain('RunActivity:placeOrder');
  const trace = () => collector.spans.filter(({ traceId }) => traceId === runId.replaceAll('-', ''));
  const name = 'RunWorkflow:certificateIssuance';
  // Spans are sent in batches, in the order in which they end.
  const spans = await eventually(
    'the workflow and its activities are traced, in one tree',
    async () => trace(),
    (all) => {
      const names = all.map((span) => span.name);
      const ids = new Set(all.map(({ spanId }) => spanId));
      const roots = all.filter(({ parentSpanId }) => !ids.has(parentSpanId)).map((root) => root.name);
      const isWhole = [name, ...activities].every((one) => names.includes(one));
      return isWhole && roots.join() === name;
    },
  );
  const ports = new Set(spans.map(({ attributes }) => String(attributes['server.port'])));
  const { stack, ca, route53 } = lab();
  for (const url of [ca.url, route53.url, stack.kubernetes.server, stack.dns.dohUrl])
    expect(ports).toContain(new URL(url).port);
  expect(ATTRIBUTES).toEqual(expect.arrayContaining(spans.flatMap(({ attributes }) => Object.keys(attributes))));
}
