/** The only place that loads OpenTelemetry's SDK. Everything of it is handed on: nothing is registered for the whole process. */
import { type Context, createNoopMeter, type MeterProvider, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TracingSettings } from '../../configuration/tracing-settings.ts';
import { VERSION } from '../../version.ts';
import { ActiveActivity } from './active-activity.ts';
import { createActivitySpans, recordFailure, workflowAttributes } from './activity-spans.ts';
import { CountedExporter } from './counted-exporter.ts';
import { traceRequests } from './http-spans.ts';
import { issuanceTrace } from './issuance-trace.ts';
import { SpanIds } from './span-ids.ts';
import type { Tracing, TracingContext } from './tracing.ts';

const ISSUANCE = 'certificateIssuance';
const SPAN_LIMITS = { attributeCountLimit: 16, attributeValueLengthLimit: 512 };
/** Added to the time of one export: the queue is exported before the exporter ends. */
const CLOSE_MARGIN_MS = 500;
/**
 * With the five seconds in which cancelled activities end, less than the ten by which the pod's grace period is longer than
 * `CERTMAN_SHUTDOWN_GRACE`.
 */
const MAX_CLOSE_MS = 4_000;

/** Starts to export spans by OTLP over HTTP. Never waits for the collector. */
export function openTracing(settings: TracingSettings, tracingContext: TracingContext): Tracing {
  const { samplingRatio, exportTimeoutMs } = settings;
  const active = new ActiveActivity();
  const otlp = new OTLPTraceExporter({ timeoutMillis: exportTimeoutMs });
  const exporter = new CountedExporter(otlp, (task) => active.leave(task), tracingContext);
  // By the trace's id: workers sample an issuance alike.
  const sampler = new TraceIdRatioBasedSampler(samplingRatio);
  const ids = new SpanIds();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'certman', 'service.version': VERSION }).merge(
      detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }),
    ),
    sampler: new ParentBasedSampler({ root: sampler }),
    idGenerator: ids,
    spanLimits: SPAN_LIMITS,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: settings.maxQueueSize,
        maxExportBatchSize: settings.maxExportBatchSize,
        scheduledDelayMillis: settings.scheduleDelayMs,
        selfObsMeterProvider: droppedSpansMeter((spans) => exporter.countDropped(spans)),
      }),
    ],
  });
  const tracer = provider.getTracer('certman', VERSION);

  /** What belongs to no issuance, such as the evaluation of a cluster, is a trace of its own. */
  function parentOf(workflowType: string | undefined, runId: string | undefined): Context {
    const workflow = workflowType === ISSUANCE ? issuanceTrace(runId) : undefined;
    if (workflow === undefined) return ROOT_CONTEXT;
    const { decision } = sampler.shouldSample(ROOT_CONTEXT, workflow.traceId);
    const traceFlags = decision === SamplingDecision.RECORD_AND_SAMPLED ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return trace.setSpanContext(ROOT_CONTEXT, { ...workflow, traceFlags, isRemote: true });
  }

  const stopRequests = traceRequests(tracer, () => active.requestParent());
  return {
    interceptActivity: createActivitySpans(tracer, active, parentOf),
    issuanceEnded: ({ workflowId, runId, startTime }, outcome) => {
      const workflow = issuanceTrace(runId);
      if (workflow === undefined) return;
      const attributes = workflowAttributes(workflowId, runId);
      const span = ids.use(workflow, () =>
        tracer.startSpan(`RunWorkflow:${ISSUANCE}`, { attributes, startTime }, ROOT_CONTEXT),
      );
      if (outcome === 'cancelled') span.setAttribute('error.type', outcome);
      else if (outcome !== 'issued') recordFailure(span, outcome);
      span.end();
    },
    close: async () => {
      stopRequests();
      let timer: NodeJS.Timeout | undefined;
      const expired = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.min(exportTimeoutMs + CLOSE_MARGIN_MS, MAX_CLOSE_MS));
      });
      // What cannot be exported is counted and logged by the exporter.
      await Promise.race([provider.shutdown().catch(() => undefined), expired]);
      clearTimeout(timer);
    },
  };
}

/**
 * The SDK's own metrics of its queue, of which only the spans that found it full are of interest. Source:
 * https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/#metric-otelsdkprocessorspanprocessed
 */
function droppedSpansMeter(onDropped: (spans: number) => void): MeterProvider {
  const meter = createNoopMeter();
  meter.createCounter = () => ({
    add: (spans, attributes) => {
      if (attributes?.['error.type'] === 'queue_full') onDropped(spans);
    },
  });
  return { getMeter: () => meter };
}
