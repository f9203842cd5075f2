import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { ConfigurationProblem } from '../../../src/configuration/configuration-error.ts';
import { loadTracingSettings } from '../../../src/configuration/tracing-settings.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318' };
const DEFAULTS = {
  samplingRatio: 1,
  exportTimeoutMs: 5_000,
  scheduleDelayMs: 5_000,
  maxQueueSize: 2_048,
  maxExportBatchSize: 512,
};

function load(environment: Readonly<Record<string, string>>) {
  const problems: ConfigurationProblem[] = [];
  return { settings: loadTracingSettings(environment, problems), wrong: problems.map(({ setting }) => setting) };
}

test.each([
  [{}],
  [{ OTEL_SERVICE_NAME: 'certman', OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
])('nothing is traced with %o', (environment) => {
  expect(load(environment)).toEqual({ settings: undefined, wrong: [] });
});

test.each([
  [ENDPOINT, {}],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example/v1/traces' }, {}],
  [
    { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
    { samplingRatio: 0.1 },
  ],
  [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: 'always_off' }, { samplingRatio: 0 }],
  [
    { ...ENDPOINT, OTEL_BSP_MAX_QUEUE_SIZE: '100' },
    { maxQueueSize: 100, maxExportBatchSize: 100 },
  ],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TIMEOUT: '900' }, { exportTimeoutMs: 900 }],
])('%o', (environment, expected) => {
  expect(load(environment)).toEqual({ settings: { ...DEFAULTS, ...expected }, wrong: [] });
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_TRACES_EXPORTER', 'jaeger'],
  ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '60000'],
  ['OTEL_SDK_DISABLED', 'perhaps'],
])('%s=%s is refused', (name, value) => {
  expect(load({ ...ENDPOINT, [name]: value }).wrong).toEqual([name]);
});

test('without an endpoint, OpenTelemetry is not loaded', async () => {
  const tracing = fileURLToPath(new URL('../../../src/observability/tracing/tracing.ts', import.meta.url));
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
    const { startTracing } = await import(${JSON.stringify(tracing)});
    const settings = { samplingRatio: 1, exportTimeoutMs: 100, scheduleDelayMs: 100, maxQueueSize: 1, maxExportBatchSize: 1 };
    const count = () => loaded.filter((url) => url.includes('opentelemetry')).length;
    await startTracing(undefined, {});
    const before = count();
    const { Registry } = await import('prom-client');
    await startTracing(settings, { registry: new Registry(), logger: console });
    console.log(JSON.stringify([before, count() > 0]));
  `;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: WAIT_TIMEOUT_MS });
  expect(JSON.parse(stdout)).toEqual([0, true]);
});
