/**
 * Activities for tests of workflow code: they return at once, record their calls, and fail where a test overrides them. They
 * issue by the clock they are given, so that 45 days can pass in a second.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { CertificateFacts, SecretObservation } from '../../../src/certificates/certificate-facts.ts';
import type { TxtRecord } from '../../../src/certificates/dns-name.ts';
import type { RenewalPolicy } from '../../../src/certificates/planned-renewal.ts';
import type { StatusReport } from '../../../src/certificates/status-report.ts';
import type { InstalledCertificate } from '../../../src/contract/activities/acme.ts';
import type { KnownFacts, RequestObservation } from '../../../src/contract/activities/kubernetes.ts';
import type {
  BegunFulfillment,
  FulfilledOrder,
  FulfilledPlacement,
  FulfillOrderInput,
  OrderActivities,
  OrderPlacementInput,
  UnfinishedStep,
  UnfulfilledOrder,
} from '../../../src/contract/activities/order.ts';
import type { Activities } from '../../../src/contract/activities.ts';
import { duePlannedRenewal, observedFacts, settledReport } from '../../../src/contract/evaluation.ts';
import { isFulfillable } from '../../../src/contract/fulfillable-order.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { issuedReport } from '../../../src/contract/issued.ts';
import { reportDigest } from '../../../src/contract/status-report.ts';
import { type FailureCode, type FailureInfo, retryModeOf } from '../../../src/failures/failure.ts';
import { parseRenewalWindows } from '../../../src/renewal-windows/parse-windows.ts';
import { postponeByWindows } from '../../../src/renewal-windows/postpone.ts';

const DAY_MS = 86_400_000;

export interface ActivityCall {
  readonly activity: keyof Activities;
  readonly input: unknown;
  /** All arguments; `input` is the first. */
  readonly args: readonly unknown[];
}

/** All but those that do what several others do. */
type SingleActivities = Omit<
  Activities,
  Exclude<keyof OrderActivities, 'placeOrder'> | 'applyCertificateRequests' | 'evaluateInFirstTask'
>;

/** Activities of several steps. */
type CombinedActivities = Omit<OrderActivities, 'placeOrder'>;

type Behaviour = { [Name in keyof Activities]?: Activities[Name] };

export class ActivityDoubles {
  /** Host of the staging CA; undefined: there is none. */
  stagingHost: string | undefined;
  readonly calls: ActivityCall[] = [];
  readonly reports: StatusReport[] = [];
  readonly published = new Set<string>();
  /** By name, `<bundle>-cert` as in `bundleView`. */
  readonly secrets = new Map<string, SecretObservation>();
  readonly issued: CertificateFacts[] = [];
  lifetimeDays = 90;
  /** Directory host of the CA. */
  caHost = 'ca.test';
  /** Directory hosts of the CAs that stand in for it. */
  fallbackCaHosts: readonly string[] | undefined;
  /** Whether that CA may replace certificates of another one. */
  caChangeAllowed: true | undefined;
  /** Directory host of the CA that the request's status names. */
  issuedByCaHost: string | undefined;
  renewBeforeDays: number | undefined;
  renewalPolicy: RenewalPolicy | undefined;
  /** Renewal windows and freezes, in a form as of YAML. */
  renewalWindows: unknown;
  /** Window of each certificate, in days from its issuance, where the order wants it. */
  suggestsWindow: { readonly fromDay: number; readonly toDay: number } | undefined;
  /** Awaited by each activity before it does anything. */
  before: ((activity: keyof Activities, input: unknown) => Promise<void>) | undefined;
  /** Whether the first evaluation is one inside the first workflow task; else an activity. */
  evaluatesInFirstTask = true;
  /** Whether the activity that places an order goes on to fulfill it, where it may. */
  fulfillsWithPlacement = true;
  /** Whether a bundle of which nothing is due is reported by the activity that evaluates it. */
  reportsSettled = false;
  /** Whether the activity that installs a certificate reports it. */
  reportsIssued = false;
  readonly #now: () => Promise<number>;
  readonly #overrides: Behaviour = {};

  constructor(now: () => Promise<number>) {
    this.#now = now;
  }

  /** Replaces one activity's behaviour; `undefined` restores it. */
  override<Name extends keyof Activities>(name: Name, behaviour: Activities[Name] | undefined): void {
    if (behaviour === undefined) delete this.#overrides[name];
    else this.#overrides[name] = behaviour as Behaviour[Name];
  }

  /** Each order fails so, until `override('placeOrder', undefined)`. */
  failOrders(code: FailureCode, message: string): void {
    this.override('placeOrder', () => Promise.reject(activityFailure(code, message)));
  }

  countOf(activity: keyof Activities): number {
    return this.calls.filter((call) => call.activity === activity).length;
  }

  /** The functions to register with a worker. */
  activities(): Activities {
    const usual: SingleActivities = {
      applyCertificateRequest: async ({ cluster, bundleName }) => ({
        request: {
          namespace: cluster.namespace,
          name: `${cluster.name}-${bundleName}`,
          uid: 'request-uid',
        },
        ...(this.renewBeforeDays === undefined ? {} : { renewBeforeDays: this.renewBeforeDays }),
        ...(this.renewalPolicy === undefined ? {} : { renewalPolicy: this.renewalPolicy }),
        secret: this.secrets.get(`${bundleName}-cert`) ?? { kind: 'missing' },
        caHost: this.caHost,
        ...(this.fallbackCaHosts && { fallbackCaHosts: this.fallbackCaHosts }),
        ...(this.caChangeAllowed && { caChangeAllowed: this.caChangeAllowed }),
        ...(this.issuedByCaHost && { issuedByCaHost: this.issuedByCaHost }),
      }),
      reportStatus: async ({ report }) => {
        this.reports.push(report);
      },
      placeOrder: async ({ dnsNames, resume, proveFirst }) => {
        const staging = proveFirst === true ? this.stagingHost : undefined;
        const host = staging ?? 'ca.test';
        return {
          orderUrl: resume ?? `https://${host}/order/${this.countOf('placeOrder')}`,
          expires: new Date((await this.#now()) + DAY_MS).toISOString(),
          caHost: staging ?? this.caHost,
          challenges: dnsNames.map((name) => ({
            identifier: name.replace('*.', ''),
            wildcard: name.startsWith('*.'),
            authorizationUrl: `https://${host}/authz/${name}`,
            challengeUrl: `https://${host}/challenge/${name}`,
            record: {
              name: `_acme-challenge.${name.replace('*.', '')}`,
              value: `${staging === undefined ? '' : 'staging-'}proof-of-${name}`,
            },
          })),
          ...(staging === undefined ? {} : { proof: true }),
        };
      },
      proveOrder: async () => undefined,
      publishTxtRecords: async ({ records }) => {
        for (const record of records) this.published.add(recordKey(record));
        return { zoneId: 'Z1', nameServers: ['ns-1.test'] };
      },
      withdrawTxtRecords: async ({ records }) => {
        for (const record of records) this.published.delete(recordKey(record));
      },
      verifyPropagation: async ({ ownershipOf }) => {
        const seenBy = ['resolver.test'];
        if (ownershipOf === undefined) return { seenBy };
        const verifiedAt = new Date(await this.#now()).toISOString();
        return { seenBy, ownershipProof: { verifiedAt, seal: ownershipOf.join() } };
      },
      answerChallenges: async () => undefined,
      finalizeOrder: async ({ orderUrl }) => ({ certificateUrl: `${orderUrl}/certificate` }),
      installCertificate: async ({ dnsNames, secretName, returnReplaced, returnWindow }) => {
        const now = await this.#now();
        const before = this.secrets.get(secretName);
        const facts: CertificateFacts = {
          serialNumber: String(1000 + this.issued.length),
          issuerName: 'Test CA',
          notBefore: new Date(now).toISOString(),
          notAfter: new Date(now + this.lifetimeDays * DAY_MS).toISOString(),
          dnsNames,
          fingerprint: `fingerprint-${this.issued.length}`,
          certId: `id.${1000 + this.issued.length}`,
        };
        this.issued.push(facts);
        this.secrets.set(secretName, { kind: 'valid', certificate: facts });
        const installed = returnWindow === true ? { ...facts, ...this.#windowOf(facts) } : facts;
        if (returnReplaced !== true || before?.kind !== 'valid') return installed;
        const { serialNumber, notAfter } = before.certificate;
        return { ...installed, replaced: { serialNumber, notAfter, leaf: `leaf of ${serialNumber}` } };
      },
      revokeCertificates: async ({ issued }) =>
        issued.map((one) => ({ serialNumber: one.serialNumber, outcome: 'revoked', message: 'revoked' })),
      revokeReplaced: async ({ certificate: { serialNumber } }) => ({
        serialNumber,
        outcome: 'revoked',
        message: 'revoked',
      }),
      revokeRequested: async ({ serialNumber }) => ({ serialNumber, outcome: 'revoked', message: 'revoked' }),
      releaseTurn: () => Promise.resolve(),
      removeBundle: async ({ secretName }) => {
        this.secrets.delete(secretName);
        return { removed: [secretName] };
      },
      removeFinalizer: async () => 'released',
      decommissionRules: async () => ({ policy: 'release', limitMs: DAY_MS }),
      watchManagementCluster: async () => ({}),
    };
    const steps = this.#recorded(usual);
    const applyCertificateRequests = this.#evaluateTogether(steps);
    const orders = combined(steps, (input, installed) => this.#reportIssued(input, installed));
    const together = this.#recorded({ ...orders, applyCertificateRequests });
    return {
      ...steps,
      ...together,
      placeOrder: async (input) => await this.#goOn(await steps.placeOrder(input), input, together.fulfillOrder),
      evaluateInFirstTask: async ({ deadline: _deadline, ...input }) =>
        this.evaluatesInFirstTask ? await together.applyCertificateRequests(input) : undefined,
    };
  }

  async #goOn(
    placed: UnfulfilledOrder | FulfilledPlacement,
    { cluster, bundleName, dnsNames, ownershipProof, fulfill }: OrderPlacementInput,
    fulfillOrder: OrderActivities['fulfillOrder'],
  ): Promise<UnfulfilledOrder | FulfilledPlacement> {
    if (!this.fulfillsWithPlacement || fulfill === undefined || 'fulfilled' in placed) return placed;
    if (!isFulfillable(placed, fulfill.zone)) return placed;
    const { orderUrl, caHost, failover, challenges } = placed;
    const order = { orderUrl, caHost, failover };
    const begunAt = new Date().toISOString();
    const input = { ...fulfill, ...order, cluster, bundleName, dnsNames, ownershipProof, challenges };
    try {
      const fulfilled = await fulfillOrder(input);
      const leftRecords = challenges.map(({ record }) => record);
      return { ...order, fulfilled, ...(fulfilled.withdrawn ? {} : { leftRecords }) };
    } catch (error) {
      return { ...placed, begun: { ...begunBy(error), begunAt } };
    }
  }

  #windowOf({ certId = '', notBefore }: CertificateFacts) {
    if (this.suggestsWindow === undefined) return {};
    const { fromDay, toDay } = this.suggestsWindow;
    const at = (day: number): string => new Date(Date.parse(notBefore) + day * DAY_MS).toISOString();
    return { suggestedWindow: { certId, start: at(fromDay), end: at(toDay) } };
  }

  #evaluateTogether({ applyCertificateRequest }: SingleActivities): Activities['applyCertificateRequests'] {
    return async ({ cluster, bundles }) => {
      const results = await Promise.allSettled(
        bundles.map(async ({ bundleName, requestUid, known }) => {
          const input = { cluster, bundleName, ...(requestUid !== undefined && { requestUid }) };
          const observation = await this.#postpone(await applyCertificateRequest(input), known);
          const reported = known === undefined ? undefined : await this.#reportSettled(bundleName, known, observation);
          return [bundleName, { ...observation, ...(reported !== undefined && { reported }) }] as const;
        }),
      );
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined && bundles.length === 1) throw failed.reason;
      return Object.fromEntries(results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
    };
  }

  async #postpone(observation: RequestObservation, known: KnownFacts | undefined): Promise<RequestObservation> {
    const { secret } = observation;
    if (this.renewalWindows === undefined || known === undefined || secret.kind !== 'valid') return observation;
    const { dnsNames } = secret.certificate;
    const now = await this.#now();
    const due = duePlannedRenewal(observedFacts(known, observation, now), dnsNames, observation, now);
    const parsed = parseRenewalWindows(this.renewalWindows);
    if (parsed.kind === 'invalid') throw new TypeError(parsed.problem);
    if (due === undefined) return observation;
    const { planned, latest } = due;
    const postponement = postponeByWindows(parsed.rules, { plannedAt: planned.at, latest, now, fraction: 0.5 });
    return { ...observation, ...(postponement && { postponement }) };
  }

  async #reportSettled(
    bundleName: string,
    known: KnownFacts,
    observation: RequestObservation,
  ): Promise<string | undefined> {
    const { secret } = observation;
    if (!this.reportsSettled || secret.kind !== 'valid') return undefined;
    const report = settledReport({
      bundleName,
      secretName: `${bundleName}-cert`,
      names: { kind: 'valid', dnsNames: secret.certificate.dnsNames },
      known,
      observation,
      workflowId: Context.current().info.workflowExecution?.workflowId ?? '',
      now: await this.#now(),
    });
    if (report === undefined) return undefined;
    this.reports.push(report);
    return reportDigest(report);
  }

  async #reportIssued(
    { cluster, bundleName, request, secretName, caHost, failover, reportTerms }: FulfillOrderInput,
    { seal: _seal, replaced: _replaced, suggestedWindow, ...certificate }: InstalledCertificate,
  ): Promise<Pick<FulfilledOrder, 'installedAt' | 'reported'>> {
    const now = await this.#now();
    const installedAt = new Date(now).toISOString();
    if (!this.reportsIssued || reportTerms === undefined) return { installedAt };
    const { isRenewal, ...terms } = reportTerms;
    const report = issuedReport({
      bundleName,
      secretName,
      observation: { ...terms, request },
      outcome: { certificate, caHost, installedAt, suggestedWindow, failover },
      isRenewal,
      workflowId: clusterWorkflowId(cluster),
      now,
    });
    this.reports.push(report);
    return { installedAt, reported: true };
  }

  /** Records each call, and allows for overrides. */
  #recorded<Part extends Partial<Activities>>(usual: Part): Part {
    const entries = Object.keys(usual).map((key) => {
      const name = key as keyof Activities;
      const run = async (...args: readonly never[]): Promise<unknown> => {
        this.calls.push({ activity: name, input: args[0], args });
        await this.before?.(name, args[0]);
        const behaviour = (this.#overrides[name] ?? usual[name]) as (...given: readonly never[]) => Promise<unknown>;
        return await behaviour(...args);
      };
      return [name, run];
    });
    return Object.fromEntries(entries) as unknown as Part;
  }
}

/** What the status of an order's certificate is reported with. */
type ReportIssued = (
  input: FulfillOrderInput,
  installed: InstalledCertificate,
) => Promise<Pick<FulfilledOrder, 'installedAt' | 'reported'>>;

/** Activities of several steps, of which each can be overridden and is recorded as an activity of its own would be. */
function combined(steps: SingleActivities, reportIssued: ReportIssued): CombinedActivities {
  const all: CombinedActivities = {
    publishAndVerify: async ({ ownershipOf, ...input }) => {
      const { cluster, zone, records } = input;
      const { nameServers, seal } = await steps.publishTxtRecords(input);
      const { zoneName } = zone;
      const published: UnfinishedStep = { published: true };
      return await unless(published, () =>
        steps.verifyPropagation({ cluster, records, zoneName, nameServers, seal, ownershipOf }),
      );
    },
    completeOrder: async (input) => {
      const { challenges, otherRecords, cluster, zone } = input;
      const notFinalized: UnfinishedStep = { notFinalized: true };
      if (challenges.length > 0) await unless(notFinalized, () => steps.answerChallenges(input));
      const passing = challenges.map(({ record }) => record).filter(({ persistent }) => persistent !== true);
      const records = [...passing, ...otherRecords];
      const withdrawal = steps.withdrawTxtRecords({ cluster, zone, records }).then(
        () => true,
        () => false,
      );
      try {
        const { certificateUrl } = await steps.finalizeOrder(input);
        const installed = await steps.installCertificate({ ...input, certificateUrl });
        return { certificateUrl, installed, withdrawn: await withdrawal };
      } finally {
        await withdrawal;
      }
    },
    fulfillOrder: async (input) => {
      throwBegun(input.begun);
      const { cluster, zone, challenges, waitingSince } = input;
      const records = challenges.map(({ record }) => record);
      if (challenges.length > 0)
        await unless({ notFinalized: true }, () => all.publishAndVerify({ cluster, zone, records, waitingSince }));
      const completed = await unless({ published: true }, () => all.completeOrder(input));
      return { ...completed, ...(await reportIssued(input, completed.installed)) };
    },
  };
  return all;
}

/** Adds the details to what a step throws. */
async function unless<T>(details: UnfinishedStep, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof CancelledFailure)
      throw new CancelledFailure('cancelled', [{ ...(error.details[0] as UnfinishedStep | undefined), ...details }]);
    if (!(error instanceof ApplicationFailure)) throw error;
    const others = error.details?.[1] as UnfinishedStep | undefined;
    throw Object.assign(error, { details: [error.details?.[0], { ...others, ...details }] });
  }
}

/** How an attempt of `placeOrder` ended, as the first attempt of `fulfillOrder` is to end. */
function begunBy(error: unknown): BegunFulfillment {
  if (error instanceof CancelledFailure) return { unfinished: error.details[0] as UnfinishedStep };
  if (!(error instanceof ApplicationFailure)) return {};
  const [failure, unfinished] = (error.details ?? []) as [FailureInfo, UnfinishedStep?];
  return { failure, unfinished, ...(error.nonRetryable === true && { isFinal: true }) };
}

function throwBegun(begun: BegunFulfillment | undefined): void {
  if (begun?.failure === undefined || Context.current().info.attempt > 1) return;
  const { failure, unfinished, isFinal } = begun;
  const { code: type, message } = failure;
  const details = unfinished === undefined ? [failure] : [failure, unfinished];
  throw ApplicationFailure.create({
    type,
    message,
    details,
    ...(isFinal === true ? { nonRetryable: true } : { nonRetryable: false, nextRetryDelay: 200 }),
  });
}

/** The error of an activity that is not retried. */
export function activityFailure(code: FailureCode, message: string, notBefore?: Date): ApplicationFailure {
  const retry = retryModeOf(code);
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: true,
    details: [{ code, message, retry, ...(notBefore === undefined ? {} : { notBefore: notBefore.toISOString() }) }],
  });
}

function recordKey(record: TxtRecord): string {
  return `${record.name} ${record.value}`;
}

/** A failure that Temporal retries after 200 ms. */
export function retryableFailure(): Error {
  const failure = activityFailure('dns/notVisible', 'not visible yet');
  return Object.assign(failure, { nonRetryable: false, nextRetryDelay: 200 });
}
