import type { SpanContext } from '@opentelemetry/api';

type Identity = Pick<SpanContext, 'traceId' | 'spanId'>;

/**
 * The trace of an issuance and the span of its workflow, by the id of the workflow's run: every worker finds the same ones, so
 * that nothing has to be carried in headers. The trace's id is the run's, without hyphens.
 * @param runId a UUID (RFC 9562), which is as long as a trace's id (W3C Trace Context, §3.2.2.3). Undefined for anything else.
 */
export function issuanceTrace(runId: string | undefined): Identity | undefined {
  const traceId = runId?.replaceAll('-', '').toLowerCase() ?? '';
  // The second half of a UUID begins with its variant, so that it is never zero.
  return /^[0-9a-f]{16}[89ab][0-9a-f]{15}$/.test(traceId) ? { traceId, spanId: traceId.slice(16) } : undefined;
}
