/** The status of a CertificateRequest, from a report and what stood there before. No I/O. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { StatusReport } from '../../certificates/status-report.ts';

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  lastProbeTime: z.string().nullish(),
  lastTransitionTime: z.string().nullish(),
});
const statusSchema = z.looseObject({ conditions: z.array(conditionSchema).nullish().catch(undefined) });

/** `status.status`, as certman-operator's users know it: `Success` and `Error`, else the state itself. */
function legacyStatus(report: StatusReport): string {
  if (report.state === 'Failing' || report.state === 'Waiting') return 'Error';
  if (report.certificate !== undefined && (report.state === 'Ready' || report.state === 'Renewing')) return 'Success';
  return report.state;
}

/**
 * The whole status to apply: what is left out of it is removed, old conditions of certman-operator among it.
 * A condition keeps its times while its status does not change.
 * @param current `status` as it stands on the resource.
 */
export function buildRequestStatus(
  report: StatusReport,
  current: unknown,
  now: Date,
): Readonly<Record<string, unknown>> {
  const { certificate } = report;
  const before = statusSchema.safeParse(current ?? {});
  const conditions = before.success ? (before.data.conditions ?? []) : [];
  const instant = toRfc3339(now);
  return {
    issued: certificate !== undefined,
    status: legacyStatus(report),
    state: report.state,
    workflowID: report.workflowId,
    failedAttempts: report.failedAttempts ?? 0,
    ...(certificate === undefined
      ? {}
      : {
          issuerName: certificate.issuerName,
          serialNumber: certificate.serialNumber,
          notBefore: certificate.notBefore,
          notAfter: certificate.notAfter,
          ...(certificate.certId === undefined ? {} : { certID: certificate.certId }),
          ...(certificate.crlUrl === undefined ? {} : { crlURL: certificate.crlUrl }),
        }),
    ...(report.caHost === undefined ? {} : { acmeServer: report.caHost }),
    ...suggestedWindowOf(report),
    ...(report.renewalTime === undefined ? {} : { renewalTime: report.renewalTime }),
    ...(report.nextAttempt === undefined ? {} : { nextAttempt: report.nextAttempt }),
    conditions: report.conditions.map((condition) => {
      const old = conditions.find((one) => one.type === condition.type && one.status === condition.status);
      return {
        type: condition.type,
        status: condition.status,
        reason: condition.reason,
        message: condition.message.slice(0, MAX_MESSAGE_LENGTH),
        lastProbeTime: old?.lastProbeTime ?? instant,
        lastTransitionTime: old?.lastTransitionTime ?? instant,
      };
    }),
  };
}

/** The certificate that it is of is named once, by `certID`: a window of another one is not shown. */
function suggestedWindowOf({ suggestedWindow: window, certificate }: StatusReport): object {
  if (window === undefined || window.certId !== certificate?.certId) return {};
  const { start, end, explanationUrl } = window;
  return {
    suggestedWindow: { start, end, ...(explanationUrl === undefined ? {} : { explanationURL: explanationUrl }) },
  };
}

/** As in the CRD. */
const MAX_MESSAGE_LENGTH = 32_768;

/** Whether applying `wanted` over `current` would change nothing. */
export function isStatusUpToDate(current: unknown, wanted: Readonly<Record<string, unknown>>): boolean {
  return isDeepStrictEqual(current, wanted);
}

/**
 * An instant of `status.notBefore` or `notAfter`: RFC 3339, or the form of Go's `Time.String()` that certman-operator wrote
 * (`2026-01-01 00:00:00 +0000 UTC`). @returns undefined when it is neither.
 */
export function parseTimestamp(text: string): Date | undefined {
  const go = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.\d+)? ([+-]\d{2})(\d{2})(?: \S+)?$/.exec(text.trim());
  const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text.trim());
  const date =
    go === null ? new Date(rfc3339 ? text.trim() : Number.NaN) : new Date(`${go[1]}T${go[2]}${go[3]}:${go[4]}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function toRfc3339(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
