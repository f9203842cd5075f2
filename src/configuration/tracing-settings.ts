/**
 * Settings of OpenTelemetry by its own variables:
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/. The exporter reads those of its endpoint, headers and
 * certificates itself.
 */
import type { ConfigurationProblem, Environment } from './configuration-error.ts';
import { type Format, flag, number, oneOf, text, wholeNumber } from './values.ts';

/** How traces are sampled and exported. */
export interface TracingSettings {
  /** Of all traces, from 0 to 1. */
  readonly samplingRatio: number;
  /** Of one export, with its retries. Milliseconds. */
  readonly exportTimeoutMs: number;
  /** Between two exports. Milliseconds. */
  readonly scheduleDelayMs: number;
  /** Spans; those beyond it are dropped. */
  readonly maxQueueSize: number;
  /** Spans of one export. */
  readonly maxExportBatchSize: number;
}

/** Those of the specification, but for `parentbased_jaeger_remote`, `jaeger_remote` and `xray`. */
const SAMPLERS = {
  always_on: 1,
  always_off: 0,
  traceidratio: undefined,
  parentbased_always_on: 1,
  parentbased_always_off: 0,
  parentbased_traceidratio: undefined,
} as const;

const SAMPLER = oneOf(...(Object.keys(SAMPLERS) as (keyof typeof SAMPLERS)[]));
const ENDPOINT = text(
  'a URL of http or https, such as http://otel-collector.observability.svc:4318',
  /^https?:\/\/\S+$/i,
);
const MAX_QUEUE_SIZE = 65_536;

/**
 * Undefined when nothing is traced: no endpoint is set, `OTEL_SDK_DISABLED` is true or `OTEL_TRACES_EXPORTER` is none. What
 * is wrong is added to `problems`.
 */
export function loadTracingSettings(
  environment: Environment,
  problems: ConfigurationProblem[],
): TracingSettings | undefined {
  const read = <Value>(names: string | readonly string[], format: Format<Value>): Value | undefined => {
    for (const name of [names].flat()) {
      const found = environment[name]?.trim();
      if (!found) continue;
      const value = format.parse(found);
      if (value === undefined) problems.push({ setting: name, found: found.slice(0, 120), expected: format.expected });
      return value;
    }
    return undefined;
  };
  const isSet = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].some((name) =>
    Boolean(environment[name]?.trim()),
  );
  if (!isSet || read('OTEL_SDK_DISABLED', flag) === true) return undefined;
  if (read('OTEL_TRACES_EXPORTER', oneOf('otlp', 'none')) === 'none') return undefined;
  read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', ENDPOINT);
  read('OTEL_EXPORTER_OTLP_ENDPOINT', ENDPOINT);
  read(['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'], oneOf('http/protobuf'));
  const sampler = read('OTEL_TRACES_SAMPLER', SAMPLER) ?? 'parentbased_always_on';
  const ratio = SAMPLERS[sampler] ?? read('OTEL_TRACES_SAMPLER_ARG', number(0, 1)) ?? 1;
  const maxQueueSize = read('OTEL_BSP_MAX_QUEUE_SIZE', wholeNumber(1, MAX_QUEUE_SIZE)) ?? 2_048;
  const timeouts = ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'];
  return {
    samplingRatio: ratio,
    exportTimeoutMs: read(timeouts, wholeNumber(100, 10_000)) ?? 5_000,
    scheduleDelayMs: read('OTEL_BSP_SCHEDULE_DELAY', wholeNumber(100, 60_000)) ?? 5_000,
    maxQueueSize,
    maxExportBatchSize: Math.min(
      read('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', wholeNumber(1, MAX_QUEUE_SIZE)) ?? 512,
      maxQueueSize,
    ),
  };
}
