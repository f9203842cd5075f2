import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { WorkflowInfo } from '@temporalio/workflow';
import { Registry } from 'prom-client';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { loadTracingSettings } from '../../../../src/configuration/tracing-settings.ts';
import { startTracing, type Tracing } from '../../../../src/observability/tracing/tracing.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../../../support/tracing/otlp-receiver.ts';
import { eventually } from '../../../support/vitest/eventually.ts';

const RUN_ID = '019e1a2b-3c4d-7e5f-8a9b-0c1d2e3f4a5b';
const TRACE_ID = '019e1a2b3c4d7e5f8a9b0c1d2e3f4a5b';
const WORKFLOW_ID = 'issue/hive/team/cluster-1/uid/primary/1';
const SECRET = 'c2VjcmV0LXRva2Vu';

let collector: OtlpReceiver;
let server: Server;
let origin: string;
let opened: Tracing[] = [];
let registry: Registry;
const logger = { info: vi.fn(), warn: vi.fn() };

beforeAll(async () => {
  server = createServer((asked, response) =>
    response.writeHead(asked.url?.startsWith('/missing') ? 404 : 200).end('x'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
});

beforeEach(async () => {
  collector = await startOtlpReceiver();
  registry = new Registry();
  vi.clearAllMocks();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const tracing of opened) await tracing.close();
  opened = [];
  await collector.close();
});

async function open(environment: Readonly<Record<string, string>> = {}): Promise<Tracing> {
  const all = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '100', ...environment };
  // The exporter reads its own.
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value);
  const tracing = await startTracing(loadTracingSettings(all, []), { registry, logger });
  if (tracing === undefined) throw new Error('nothing is traced');
  opened.push(tracing);
  return tracing;
}

/** Runs an attempt of an activity of a workflow's run. */
async function run(
  tracing: Tracing,
  work: () => Promise<unknown>,
  { workflowType = 'certificateIssuance', runId = RUN_ID } = {},
): Promise<void> {
  const info = {
    activityType: 'placeOrder',
    activityId: '1',
    attempt: 1,
    workflowType,
    workflowExecution: { workflowId: WORKFLOW_ID, runId },
  };
  const execute = tracing.interceptActivity({ info } as unknown as Context).inbound?.execute?.bind(undefined);
  await execute?.({ args: [], headers: {} }, work);
}

const end = (tracing: Tracing, outcome: string): void =>
  tracing.issuanceEnded(
    { workflowId: WORKFLOW_ID, runId: RUN_ID, startTime: new Date(Date.now() - 1_000) } as unknown as WorkflowInfo,
    outcome,
  );

const askByUndici = async (path: string): Promise<void> => {
  const { body } = await request(`${origin}${path}`, {
    headers: { authorization: SECRET },
    method: 'POST',
    body: SECRET,
  });
  await body.text();
};

const askByNode = (path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    get(`${origin}${path}`, (response) => response.resume().on('end', resolve)).on('error', reject);
  });

const received = (count: number): Promise<readonly ReceivedSpan[]> =>
  eventually(
    `${count} spans`,
    () => Promise.resolve(collector.spans),
    ({ length }) => length >= count,
  );

test('an issuance is one trace, by the id of its run: workflow, activities, requests of undici and Node', async () => {
  const tracing = await open({ OTEL_RESOURCE_ATTRIBUTES: 'k8s.cluster.name=hive' });
  await run(tracing, async () => {
    await askByUndici(`/order?token=${SECRET}`);
    await askByNode(`/${SECRET}`);
  });
  await run(tracing, () => Promise.resolve());
  end(tracing, 'issued');
  const spans = await received(5);
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
  const workflow = spans.find(({ name }) => name === 'RunWorkflow:certificateIssuance');
  expect(workflow).toMatchObject({
    parentSpanId: '',
    status: 0,
    attributes: { 'certman.cluster': 'team/cluster-1', 'certman.bundle': 'primary', temporalRunID: RUN_ID },
    resource: { 'service.name': 'certman', 'k8s.cluster.name': 'hive' },
  });
  const activities = spans.filter(({ name }) => name === 'RunActivity:placeOrder');
  expect(activities.map(({ parentSpanId }) => parentSpanId)).toEqual([workflow?.spanId, workflow?.spanId]);
  const requests = spans.filter(({ name }) => name === 'POST' || name === 'GET');
  expect(requests.map(({ parentSpanId }) => parentSpanId)).toEqual([activities[0]?.spanId, activities[0]?.spanId]);
  expect(requests[0]?.attributes).toEqual({
    'http.request.method': 'POST',
    'server.address': '127.0.0.1',
    'server.port': (server.address() as AddressInfo).port,
    'http.response.status_code': 200,
  });
  expect(JSON.stringify(spans)).not.toContain(SECRET);
});

test('failures have their code, and requests their status', async () => {
  const tracing = await open();
  const failure = ApplicationFailure.create({ type: 'acme/rateLimited', message: SECRET });
  const failing = run(tracing, async () => {
    await askByUndici('/missing');
    throw failure;
  });
  await expect(failing).rejects.toBe(failure);
  await expect(run(tracing, () => Promise.reject(new CancelledFailure('x')))).rejects.toThrow('x');
  end(tracing, 'acme/rateLimited');
  const spans = await received(4);
  expect(spans.map(({ name, status, attributes }) => [name, status, attributes['error.type']])).toEqual([
    ['POST', 2, '404'],
    ['RunActivity:placeOrder', 2, 'acme/rateLimited'],
    ['RunActivity:placeOrder', 0, 'cancelled'],
    ['RunWorkflow:certificateIssuance', 2, 'acme/rateLimited'],
  ]);
  expect(JSON.stringify(spans)).not.toContain(SECRET);
});

test('other activities are traces of their own; the watch and what outlives an activity are none', async () => {
  const tracing = await open();
  await run(tracing, () => Promise.resolve(), { workflowType: 'clusterCertificates' });
  await run(tracing, () => askByUndici('/watch'), { workflowType: 'managementClusterWatch' });
  let later: Promise<void> | undefined;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  await run(tracing, () => {
    later = ended.then(() => askByUndici('/refresh'));
    return Promise.resolve();
  });
  resolve();
  await later;
  await askByUndici('/outside');
  end(tracing, 'issued');
  const spans = await received(3);
  expect(spans.map(({ name }) => name)).toEqual([
    'RunActivity:placeOrder',
    'RunActivity:placeOrder',
    'RunWorkflow:certificateIssuance',
  ]);
  const [evaluation, placement] = spans;
  expect(evaluation).toMatchObject({ parentSpanId: '' });
  expect(evaluation?.traceId).not.toBe(TRACE_ID);
  expect(placement?.traceId).toBe(TRACE_ID);
});

test('workers sample an issuance alike, whole or not at all', async () => {
  const sampled = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
  const tracing = await open(sampled);
  const runIds = Array.from({ length: 64 }, () => crypto.randomUUID());
  for (const runId of runIds) {
    await run(tracing, () => Promise.resolve(), { runId });
    tracing.issuanceEnded(
      { workflowId: WORKFLOW_ID, runId, startTime: new Date() } as unknown as WorkflowInfo,
      'issued',
    );
  }
  await tracing.close();
  const namesByTrace = Map.groupBy(collector.spans, ({ traceId }) => traceId);
  expect(namesByTrace.size).toBeGreaterThan(0);
  expect(namesByTrace.size).toBeLessThan(runIds.length);
  for (const spans of namesByTrace.values())
    expect(spans.map(({ name }) => name)).toEqual(['RunActivity:placeOrder', 'RunWorkflow:certificateIssuance']);
});

test('a collector that refuses spans costs one line of the log, and is counted', async () => {
  collector.respond = 400;
  const tracing = await open();
  for (const exported of [1, 2]) {
    end(tracing, 'issued');
    await eventually(
      'an export',
      () => registry.getSingleMetricAsString('certman_trace_spans_total'),
      (text) => text.includes(`{outcome="lost"} ${exported}`),
    );
  }
  expect(logger.warn).toHaveBeenCalledTimes(1);
  collector.respond = 200;
  end(tracing, 'issued');
  await received(1);
  await eventually(
    'the collector is back',
    () => Promise.resolve(logger.info.mock.calls),
    (calls) => calls.length === 1,
  );
  expect(await registry.getSingleMetricAsString('certman_trace_spans_total')).toContain('{outcome="exported"} 1');
});

test('neither an activity nor the end of the worker waits for a collector that hangs', async () => {
  collector.respond = 'hang';
  const tracing = await open({ OTEL_EXPORTER_OTLP_TIMEOUT: '100', OTEL_BSP_MAX_QUEUE_SIZE: '10' });
  // At once: nothing is exported meanwhile, so that all but a batch and a queue of ten is dropped.
  await Promise.all(Array.from({ length: 100 }, () => run(tracing, () => Promise.resolve())));
  await tracing.close();
  expect(collector.requests()).toBeLessThanOrEqual(2);
  expect(await registry.getSingleMetricAsString('certman_trace_spans_total')).toMatch(/\{outcome="dropped"\} [1-9]/);
});

test('the end of the worker is bounded by the grace period of its pod, however long an export may take', async () => {
  collector.respond = 'hang';
  const tracing = await open({ OTEL_EXPORTER_OTLP_TIMEOUT: '10000' });
  end(tracing, 'issued');
  await eventually(
    'the export',
    () => Promise.resolve(collector.requests()),
    (requests) => requests === 1,
  );
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let isClosed = false;
    const closing = tracing.close().finally(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(isClosed).toBe(true);
    await closing;
    opened = [];
  } finally {
    vi.useRealTimers();
  }
});

test('an export has no span, although spans are exported from timers of activities', async () => {
  const tracing = await open();
  const { promise, resolve } = Promise.withResolvers<void>();
  const running = run(tracing, async () => {
    await askByNode('/one');
    await promise;
  });
  // Exported by the timer that the activity's request started, while that activity runs.
  await received(1);
  resolve();
  await running;
  await received(2);
  await tracing.close();
  expect(collector.spans.map(({ name }) => name)).toEqual(['GET', 'RunActivity:placeOrder']);
});
