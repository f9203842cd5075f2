/** One answer to: where is it, why, since when, what happens next and when, what can be done. Pure. */
import { isOwnLimit, isTurn, retryModeOf } from '../../failures/failure.ts';
import { commandLine } from '../program-name.ts';
import { type CertificateRow, type ClusterReport, servedText } from '../status/status-view.ts';
import {
  type Action,
  actionsForFailure,
  actionsForGate,
  actionsForServed,
  failureCodeOf,
  WORKER_ACTIONS,
} from './commands.ts';

/** Of one certificate. */
export interface CertificateExplanation {
  readonly bundle: string;
  readonly state: string;
  readonly where: string;
  /** The reason, to look up in docs/operations.md; absent where nothing fails. */
  readonly reason?: string;
  readonly why: string;
  /** RFC 3339. */
  readonly since?: string;
  readonly next: { readonly what: string; readonly at?: string };
  /** What operators and campaigns have asked for, in sentences. */
  readonly requests: readonly string[];
  /** Whether the cluster serves it; absent: not known here. */
  readonly served?: string;
  readonly actions: readonly Action[];
  readonly dnsNames: readonly string[];
}

/** Of a cluster or standalone CertificateRequest. */
export interface Explanation {
  readonly cluster: string;
  readonly kind?: ClusterReport['kind'];
  readonly source: ClusterReport['source'];
  readonly workflowId?: string;
  /** Whether it is served, and if not, what keeps it. */
  readonly served: string;
  /** What affects all certificates. */
  readonly problem?: string;
  readonly actions: readonly Action[];
  readonly certificates: readonly CertificateExplanation[];
}

/** Explains what a report says. */
export function explain(report: ClusterReport): Explanation {
  const { cluster, kind, source, workflowId, problem } = report;
  return {
    cluster,
    kind,
    source,
    workflowId,
    problem,
    ...servedOf(report),
    certificates: report.certificates.map((certificate) => explainCertificate(report, certificate)),
  };
}

function servedOf(report: ClusterReport): Pick<Explanation, 'served' | 'actions'> {
  const { gate, situation, unavailable, workflowId, certificates, source } = report;
  if (gate !== undefined && gate.kind !== 'serve' && gate.kind !== 'decommission')
    return { served: `Not served now. ${gate.message}`, actions: actionsForGate(gate.reason, report) };
  const notes = [gate?.kind === 'serve' ? 'Its certificates are managed by certman.' : undefined, situation];
  if (unavailable !== undefined) {
    const served = `${unavailable} This is what the resources say; nothing is ordered or renewed until it answers.`;
    return { served: sentences([...notes, served]), actions: WORKER_ACTIONS };
  }
  if (gate === undefined) return { served: sentences(notes), actions: [] };
  if (workflowId === undefined && source === 'kubernetes') {
    const none = 'It has no workflow: no worker has seen it yet, or none watches this management cluster.';
    return { served: sentences([...notes, none]), actions: WORKER_ACTIONS };
  }
  if (certificates.length === 0 && gate.kind === 'serve')
    notes.push('It has no certificate bundle to generate (spec.certificateBundles).');
  return { served: sentences(notes), actions: [] };
}

function sentences(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}

function explainCertificate(report: ClusterReport, certificate: CertificateRow): CertificateExplanation {
  const { bundle, state, message, since, failure, dnsNames, requests = [] } = certificate;
  const code = failure?.code ?? failureCodeOf(certificate.reason);
  return {
    bundle,
    state,
    where: whereIs(certificate),
    reason: code === undefined ? undefined : certificate.reason,
    why: failure?.message ?? message,
    since,
    next: nextOf(report, certificate),
    requests,
    served: certificate.served && servedText(certificate.served),
    actions: actionsOf(report, certificate),
    dnsNames,
  };
}

function whereIs({ state, secretName, notAfter, activity }: CertificateRow): string {
  const inUse =
    notAfter === undefined ? undefined : `the certificate in Secret ${secretName} is valid until ${notAfter}`;
  switch (state) {
    case 'Ready':
      return inUse === undefined ? 'A certificate was issued.' : `${capitalized(inUse)}.`;
    case 'Issuing':
      return `The first certificate is being ordered${activity === undefined ? '' : `: ${activity}`}.`;
    case 'Renewing':
      return sentences([
        `A renewal is in progress${activity === undefined ? '.' : `: ${activity}.`}`,
        meanwhile(inUse),
      ]);
    case 'Failing':
      return inUse === undefined ? 'There is no certificate: the last attempt failed.' : `The renewal fails; ${inUse}.`;
    case 'Waiting':
      return inUse === undefined ? 'There is no certificate: the order waits.' : `The renewal waits; ${inUse}.`;
    case 'Paused':
      return inUse === undefined ? 'There is no certificate, and nothing is ordered.' : `Nothing is renewed; ${inUse}.`;
    case 'Decommissioning':
      return 'It is being revoked and removed.';
    default:
      return inUse === undefined ? 'No order has begun.' : `${capitalized(inUse)}.`;
  }
}

function meanwhile(inUse: string | undefined): string | undefined {
  return inUse === undefined ? undefined : `Meanwhile ${inUse}.`;
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function nextOf(report: ClusterReport, certificate: CertificateRow): CertificateExplanation['next'] {
  const { state, nextAttempt, renewalTime, notAfter, failure } = certificate;
  const code = failure?.code ?? failureCodeOf(certificate.reason);
  if (nextAttempt !== undefined) {
    if (code !== undefined && isOwnLimit(code)) return { what: 'it is ordered', at: nextAttempt };
    if (code === 'certificate/waitsForCanary') {
      const what = 'it is installed, or as soon as a person accepts its issuer';
      return { what, at: nextAttempt };
    }
    const onChange = code !== undefined && retryModeOf(code) === 'onChange';
    return { what: `the next attempt${onChange ? ', or as soon as what it depends on changes' : ''}`, at: nextAttempt };
  }
  switch (state) {
    case 'Ready':
      return renewalTime === undefined ? { what: 'nothing is planned' } : { what: 'it is renewed', at: renewalTime };
    case 'Issuing':
    case 'Renewing':
      return { what: 'the certificate is written into its Secret, minutes after the order was placed' };
    case 'Paused':
      return notAfter === undefined
        ? { what: 'nothing, until the gate is open' }
        : { what: 'nothing, until the gate is open; the certificate expires', at: notAfter };
    case 'Decommissioning':
      return { what: 'certificate, Secret and CertificateRequest are removed, then the finalizer' };
    default:
      return report.unavailable === undefined
        ? { what: 'it is evaluated' }
        : { what: 'it is evaluated once a worker answers' };
  }
}

function actionsOf(report: ClusterReport, certificate: CertificateRow): readonly Action[] {
  const { state, failure, secretName, requestName, dnsNames } = certificate;
  const { cluster } = report;
  const code = failure?.code ?? failureCodeOf(certificate.reason);
  const renewNow = (text: string): Action => ({ text, command: commandLine(`renew ${cluster}`) });
  const withdraw: readonly Action[] =
    certificate.renewalRequested === true
      ? [{ text: 'To withdraw the requested renewal', command: commandLine(`renew ${cluster} --withdraw`) }]
      : [];
  const remedy: readonly Action[] = failure?.remedy === undefined ? [] : [{ text: failure.remedy }];
  switch (state) {
    case 'Ready': {
      const actions = actionsForServed(certificate.served?.reason, report);
      const waits =
        certificate.postponed === undefined
          ? []
          : [{ text: 'To see when it may be renewed', command: commandLine(`windows next ${cluster}`) }];
      return [
        ...(actions.length === 0 ? [{ text: 'Nothing' }] : actions),
        ...waits,
        renewNow('To renew it now'),
        ...withdraw,
      ];
    }
    case 'Issuing':
    case 'Renewing':
      return [{ text: 'Nothing' }, { text: 'To see each step', command: commandLine(`status ${cluster} --watch`) }];
    case 'Failing':
    case 'Waiting': {
      if (code !== undefined && isTurn(code)) return [{ text: 'Nothing' }, renewNow('To ask the CA at once')];
      const subject = { report, secretName, requestName, dnsNames };
      if (code === 'certificate/waitsForCanary') return [{ text: 'Nothing' }, ...actionsForFailure(code, subject)];
      return [
        ...remedy,
        ...actionsForFailure(code, subject),
        renewNow('Once it is corrected, to try at once'),
        ...withdraw,
      ];
    }
    case 'Decommissioning':
      if (failure === undefined && code === undefined) return [{ text: 'Nothing' }];
      return [
        ...remedy,
        ...actionsForFailure(code, { report, secretName, requestName, dnsNames }),
        {
          text: 'To give up what cannot be done (certificates may stay valid)',
          command: commandLine(`release ${cluster} --yes`),
        },
      ];
    default:
      return [];
  }
}
