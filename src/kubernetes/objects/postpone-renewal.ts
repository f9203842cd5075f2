import { stableFraction } from '../../certificates/digest.ts';
import type { Postponement } from '../../certificates/postponement.ts';
import type { PostponableRenewal } from '../../certificates/renewal-policy.ts';
import type { BundleView } from '../../clusters/cluster-view.ts';
import type { KnownFacts, RequestObservation } from '../../contract/activities/kubernetes.ts';
import { duePlannedRenewal, observedFacts } from '../../contract/evaluation.ts';
import type { DueRenewal } from '../../renewal-windows/postpone.ts';
import { type RenewalWindows, rulesFor } from '../../renewal-windows/rules.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import type { ReadCluster } from './apply-certificate-request.ts';
import { isStandalone } from './primary-object.ts';
import type { RenewalWindowsConfig } from './renewal-windows-config.ts';
import type { RestartTurns } from './restart-turns.ts';

/**
 * A renewal that is due so soon is decided with those that are due: the workflow decides later, and by the clock of
 * Temporal's server, which may be ahead. Until then it sleeps, whatever was decided.
 */
const MAX_CLOCK_SKEW_MS = 60_000;

/** Renewals that wait as long as is safe start in the last part of that, so that they do not start together. */
const LATEST_SPREAD = { share: 0.2, maxMs: 86_400_000 };

/**
 * Renewals that waited for something that ends before its time, such as a freeze that is removed, start within this of each
 * other: else those of weeks would start, and restart kube-apiservers, in the same minutes.
 */
const EARLY_END_SPREAD_MS = 3_600_000;

/** What postpones planned renewals. */
export interface RenewalControls {
  readonly windows: Pick<RenewalWindowsConfig, 'read'>;
  /** Undefined: any number of kube-apiservers may restart at once. */
  readonly restarts?: RestartTurns | undefined;
}

/** A bundle that is evaluated. */
export interface EvaluatedBundle {
  readonly cluster: ReadCluster;
  readonly bundle: Pick<BundleView, 'names'>;
  readonly known: KnownFacts;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * Adds to an observation whether a planned renewal that is due waits for a window, the end of a freeze or its turn. Reads
 * nothing while none is due.
 * @throws CertmanError `kubernetes/…`, `configuration/invalid` where turns are given and their ConfigMap is missing.
 */
export async function postponeRenewal(
  kubernetes: KubernetesApi,
  { windows, restarts }: RenewalControls,
  { cluster, bundle, known, now }: EvaluatedBundle,
  observation: RequestObservation,
): Promise<RequestObservation> {
  if (bundle.names.kind !== 'valid') return observation;
  const { dnsNames } = bundle.names;
  const dueAt = (at: number) => duePlannedRenewal(observedFacts(known, observation, at), dnsNames, observation, at);
  // Of the present instant first: a certificate that lives some minutes has expired a minute later.
  const due = dueAt(now) ?? dueAt(now + MAX_CLOCK_SKEW_MS);
  if (due === undefined) return observation;
  const { namespace, name } = observation.request;
  const renewal = dueRenewal(due, stableFraction(`${namespace}/${name} window`), now);
  if (renewal.latest <= renewal.now) return observation;
  const { rules } = await windows.read(kubernetes);
  if (rules === undefined) return { ...observation, postponement: withoutRules(renewal) };
  const postpone = await postponeBy(rulesFor(rules, cluster.labels));
  const postponement = postpone(renewal) ?? afterEarlyEnd(renewal, known.postponement);
  if (postponement !== undefined) return { ...observation, postponement };
  if (restarts === undefined || !restartsApiServer(cluster, dnsNames)) return observation;
  return { ...observation, ...(await turnOf(kubernetes, restarts, postpone, renewal, known.restartTurn)) };
}

function dueRenewal({ plannedAt, latest }: PostponableRenewal, fraction: number, now: number): DueRenewal {
  const spread = Math.min(LATEST_SPREAD.maxMs, (latest - plannedAt) * LATEST_SPREAD.share);
  return {
    plannedAt,
    // Whole seconds, as instants are shown.
    latest: Math.floor((latest - fraction * spread) / 1000) * 1000,
    now: Math.max(now, plannedAt),
    fraction,
  };
}

type Postpone = (renewal: DueRenewal) => Postponement | undefined;

/** Loads what computes schedules where there are any. */
async function postponeBy(rules: RenewalWindows): Promise<Postpone> {
  if (rules.windows.length === 0 && rules.freezes.length === 0) return () => undefined;
  const { postponeByWindows } = await import('../../renewal-windows/postpone.ts');
  return (renewal) => postponeByWindows(rules, renewal);
}

/** Each renewal has its own place in the hour, and keeps it at later evaluations. None starts later than it would have. */
function afterEarlyEnd(
  { plannedAt, latest, now, fraction }: DueRenewal,
  before: KnownFacts['postponement'],
): Postponement | undefined {
  if (before === undefined || before.reason === 'RestartBudget') return undefined;
  const until = Math.min(Date.parse(before.until), latest);
  // Whole seconds, as instants are shown.
  const place = Math.floor((now + fraction * EARLY_END_SPREAD_MS) / 1000) * 1000;
  const at = until - now <= EARLY_END_SPREAD_MS ? until : place;
  if (!(at > now)) return undefined;
  return {
    reason: before.reason,
    plannedTime: new Date(plannedAt).toISOString(),
    until: new Date(at).toISOString(),
    message: 'what it waited for has changed; such renewals start within an hour',
  };
}

/** Names that are not below a wildcard are those of the API server. Nothing is known of what a standalone request is for. */
function restartsApiServer({ view }: ReadCluster, dnsNames: readonly string[]): boolean {
  return !isStandalone(view.identity) && dnsNames.some((name) => !name.startsWith('*.'));
}

function withoutRules({ plannedAt, latest }: DueRenewal): Postponement {
  return {
    reason: 'InvalidWindows',
    plannedTime: new Date(plannedAt).toISOString(),
    until: new Date(latest).toISOString(),
    message: 'the renewal windows are not valid: see certman windows check',
  };
}

/** @param known the turn that an earlier evaluation took. */
async function turnOf(
  kubernetes: KubernetesApi,
  restarts: RestartTurns,
  postpone: Postpone,
  renewal: DueRenewal,
  known: string | undefined,
): Promise<Pick<RequestObservation, 'postponement' | 'restartTurn'>> {
  const { plannedAt, latest, now } = renewal;
  const { durationMs, atOnce } = restarts.limit;
  const wait = (at: number, message: string): Postponement => ({
    reason: 'RestartBudget',
    plannedTime: new Date(plannedAt).toISOString(),
    until: new Date(at).toISOString(),
    message,
  });
  const waiting = `renewals that restart a kube-apiserver start at most ${atOnce} within ${Math.round(durationMs / 60_000)} min`;
  const taken = Date.parse(known ?? '');
  if (taken <= now && now < taken + durationMs) return { restartTurn: known };
  if (taken > now && taken <= latest && postpone({ ...renewal, now: taken }) === undefined) {
    return { postponement: wait(taken, waiting), restartTurn: known };
  }
  const isOfUse = (turn: number): boolean => turn <= latest && postpone({ ...renewal, now: turn }) === undefined;
  const turn = await restarts.take(kubernetes, now, isOfUse);
  if (turn > latest) return { postponement: wait(latest, `${waiting}; it cannot wait for its turn`) };
  const restartTurn = new Date(turn).toISOString();
  if (turn <= now) return { restartTurn };
  const closed = postpone({ ...renewal, now: turn });
  if (closed === undefined) return { postponement: wait(turn, waiting), restartTurn };
  return { postponement: wait(Date.parse(closed.until), `${waiting}, and at its turn ${closed.message}`) };
}
