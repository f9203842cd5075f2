import { z } from 'zod';
import { notProbed } from '../../certificates/served.ts';
import type { StatusReport } from '../../certificates/status-report.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';
import { SERVED, withServed } from './served-condition.ts';
import type { Status, StatusKind } from './status-writer.ts';
import { toRfc3339 } from './timestamp.ts';

/** As in the CRD. */
const MAX_MESSAGE_LENGTH = 32_768;

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  lastProbeTime: z.string().nullish(),
  lastTransitionTime: z.string().nullish(),
});
const statusSchema = z.looseObject({
  serialNumber: z.string().optional().catch(undefined),
  installedTime: z.string().max(64).optional().catch(undefined),
  replacedSerialNumber: z.string().max(64).optional().catch(undefined),
  conditions: z.array(conditionSchema).catch([]),
});

type Installed = Pick<z.infer<typeof statusSchema>, 'installedTime' | 'replacedSerialNumber'>;

/** A request's whole status. An evaluation reads it and reports within seconds; later it may differ. */
export const REQUEST_STATUS: StatusKind<StatusReport> = {
  resource: CERTIFICATE_REQUESTS,
  current: (status) => status,
  build: (current, report) => buildRequestStatus(report, current, new Date()),
  trustMs: 10_000,
  exclusive: true,
};

/** `status.status`: `Success` and `Error`, as certman-operator's users know them, else the state. */
function legacyStatus({ state, certificate }: StatusReport): string {
  if (state === 'Failing' || state === 'Waiting') return 'Error';
  return certificate !== undefined && (state === 'Ready' || state === 'Renewing') ? 'Success' : state;
}

/**
 * The whole status: all else is removed, certman-operator's too. A condition keeps its times while its status does. The
 * condition `Served`, which the controller writes, stays with the certificate that it is about, and so does when it was
 * installed, which a workflow that has adopted it does not know.
 */
export function buildRequestStatus(report: StatusReport, current: unknown, now: Date): Status {
  const { certificate } = report;
  const { serialNumber, conditions, ...kept } = statusSchema.catch({ conditions: [] }).parse(current);
  const isSameCertificate = certificate !== undefined && serialNumber === certificate.serialNumber;
  const instant = toRfc3339(now);
  const reported = report.conditions.map(({ type, status, reason, message }) => {
    const old = conditions.find((condition) => condition.type === type && condition.status === status);
    return {
      type,
      status,
      reason,
      message: message.slice(0, MAX_MESSAGE_LENGTH),
      ...(report.observedGeneration !== undefined && { observedGeneration: report.observedGeneration }),
      lastProbeTime: old?.lastProbeTime ?? instant,
      lastTransitionTime: old?.lastTransitionTime ?? instant,
    };
  });
  const served = conditions.find(({ type }) => type === SERVED);
  const fields = {
    issued: certificate !== undefined,
    status: legacyStatus(report),
    state: report.state,
    workflowID: report.workflowId,
    failedAttempts: report.failedAttempts ?? 0,
    issuerName: certificate?.issuerName,
    serialNumber: certificate?.serialNumber,
    notBefore: certificate?.notBefore,
    notAfter: certificate?.notAfter,
    ...installationOf(report, isSameCertificate ? kept : {}),
    certID: certificate?.certId,
    crlURL: certificate?.crlUrl,
    acmeServer: report.caHost,
    suggestedWindow: suggestedWindowOf(report),
    renewalTime: report.renewalTime,
    nextAttempt: report.nextAttempt,
    conditions:
      served === undefined || certificate === undefined
        ? reported
        : isSameCertificate
          ? [...reported, served]
          : withServed([...reported, served], notProbed(certificate.serialNumber), now, report.observedGeneration),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function installationOf({ installation }: StatusReport, kept: Installed): Installed {
  if (installation === undefined)
    return { installedTime: kept.installedTime, replacedSerialNumber: kept.replacedSerialNumber };
  return { installedTime: installation.time, replacedSerialNumber: installation.replacedSerialNumber };
}

/** A window of another certificate than `certID` names is left out. */
function suggestedWindowOf({ suggestedWindow, certificate }: StatusReport): object | undefined {
  if (suggestedWindow === undefined || suggestedWindow.certId !== certificate?.certId) return undefined;
  const { start, end, explanationUrl } = suggestedWindow;
  return { start, end, ...(explanationUrl !== undefined && { explanationURL: explanationUrl }) };
}
